using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>An import of the ledger, over all its batches, or a load that runs and is not in the ledger.</summary>
/// <param name="Bytes">Bytes of the source, in UTF-8, that are committed.</param>
/// <param name="FirstCommit">Null of a load that runs and has committed nothing yet.</param>
public sealed record CitusImport(
    Guid ImportId, string Table, string Source, ImportState State, long Rows, long Rejected, long Bytes, long Batches,
    string Route, string LoadedBy, DateTime? FirstCommit, DateTime? LastCommit)
{
    /// <summary>When the session began that works on it; null of one that does not run.</summary>
    public DateTime? StartedAt { get; init; }

    /// <summary>Ends what interrupted loads left prepared on the nodes, as the ledger decides.</summary>
    /// <param name="importId">Only this import, or null for all.</param>
    /// <param name="report">Receives what became of each transaction.</param>
    public static async Task RepairAsync(
        CitusConnection connection, Guid? importId, Func<ImportRepair, ValueTask> report, CancellationToken stop) =>
        await new ImportRecovery(await connection.AtCoordinatorAsync(stop), report).RunAsync(importId, everywhere: false, stop);

    /// <summary>All imports, those that run and the latest first, or one. Changes nothing and takes no lock.</summary>
    public static async Task<IReadOnlyList<CitusImport>> ListAsync(
        CitusConnection connection, Guid? importId, CancellationToken stop)
    {
        CitusConnection coordinator = await connection.AtCoordinatorAsync(stop);
        await using NpgsqlConnection session = await coordinator.OpenSessionAsync(stop);
        IReadOnlyList<CitusImport> loads = await RunningLoad.ListAsync(session, importId, stop);
        if (!await LedgerSchema.MayReadAsync(session, stop)) return loads;
        var found = new List<CitusImport>();
        await using (var command = new NpgsqlCommand("""
            SELECT import_id, min(table_name), min(source), bool_or(is_last), bool_or(is_pending), sum(rows)::bigint,
                sum(rejected)::bigint, max(end_byte), count(*),
                   string_agg(DISTINCT route, ', '), min(loaded_by), min(committed_at), max(committed_at)
            FROM woodgrove.import_batch WHERE $1::uuid IS NULL OR import_id = $1 GROUP BY 1 ORDER BY 13 DESC
            """, session)
        {
            Parameters = { new() { Value = (object?)importId ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid } },
        })
        {
            await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
            {
                ImportState state = row.GetBoolean(4) ? ImportState.Pending : row.GetBoolean(3) ? ImportState.Complete
                    : ImportState.Interrupted;
                found.Add(new CitusImport(row.GetGuid(0), row.GetString(1), row.GetString(2), state,
                    row.GetInt64(5), row.GetInt64(6), row.GetInt64(7), row.GetInt64(8), row.GetString(9), row.GetString(10),
                    row.GetDateTime(11), row.GetDateTime(12)));
            }
        }
        IReadOnlySet<Guid> running = await ImportLock.HeldAsync(session,
            found.Where(i => i.State != ImportState.Complete).Select(i => i.ImportId), stop);
        return [.. loads.Where(l => !found.Exists(i => i.ImportId == l.ImportId)), .. found.Select(i => running.Contains(i.ImportId)
            ? i with { State = ImportState.Running, StartedAt = loads.FirstOrDefault(l => l.ImportId == i.ImportId)?.StartedAt } : i)];
    }

    /// <summary>
    /// Clears an import from the ledger, after ending what it left prepared; its committed rows stay in the table. Indexes and
    /// foreign keys that a copy has dropped are recreated first.
    /// </summary>
    /// <param name="warn">Told of each that is.</param>
    /// <param name="isTrial">Refuses what would be refused, and changes nothing.</param>
    /// <exception cref="CitusException">It runs, or a part of it may still lie prepared on a node, which the ledger must
    /// decide.</exception>
    public static async Task RemoveAsync(
        CitusConnection connection, Guid importId, Action<string> explain, Action<string> warn, bool isTrial, CancellationToken stop)
    {
        CitusConnection coordinator = await connection.AtCoordinatorAsync(stop);
        await using NpgsqlConnection session = await coordinator.OpenSessionAsync(stop);
        if (!await LedgerSchema.MayReadAsync(session, stop)) throw LedgerErrors.NotFound(importId, connection.Database);
        await LedgerSchema.RequireAsync(session, withParts: false, stop);
        if (!isTrial && (await ImportLedger.PendingAsync(session, importId, stop)).Count > 0)
        {
            var recovery = new ImportRecovery(coordinator, step =>
            {
                explain(step.ToString());
                return default;
            });
            await recovery.RunAsync(importId, everywhere: false, stop);
            if ((await ImportLedger.PendingAsync(session, importId, stop)).Count > 0)
                throw LedgerErrors.Pending(importId, recovery.Pending);
        }
        if (!await ImportLock.TryTakeAsync(session, ImportLock.Ledger, importId, stop)) throw LedgerErrors.Running(importId);
        try
        {
            // Its load may have decided another batch in the meantime.
            if (!isTrial && (await ImportLedger.PendingAsync(session, importId, stop)).Count > 0) throw LedgerErrors.Pending(importId, []);
            List<DeferredDefinition> deferred = await DeferredDefinition.PendingAsync(session, importId, stop);
            bool hadDeferred = deferred.Count > 0;
            if (!isTrial) await DeferredDefinition.RestoreAsync(session, importId, deferred, LedgerErrors.IsMadeOrGone,
                sql => warn($"Import {importId} had dropped what is recreated now: {sql}"), stop);
            // The rows of its staging table must not be gone while the ledger has them. A trial is rolled back.
            await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
            bool dropped = await StagingTable.DropAsync(session, importId, stop);
            int rows = await ImportLedger.ForgetAsync(session, importId, stop);
            if (await PartialBatch.ExistsAsync(session, stop)) await PartialBatch.ForgetAsync(session, importId, null, stop);
            if (rows == 0 && !dropped && !hadDeferred) throw LedgerErrors.NotFound(importId, connection.Database);
            if (await ImportLedger.HoldsAsync(session, importId, stop)) throw LedgerErrors.NotOwn(importId);
            if (!isTrial) await transaction.CommitAsync(stop);
        }
        finally
        {
            await ImportLock.ReleaseAllAsync(session);
        }
    }
}
