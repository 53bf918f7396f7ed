using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>Whether an import is under way.</summary>
public enum ImportState
{
    /// <summary>A session works on it.</summary>
    Running,

    /// <summary>It ended before the source did; -Resume goes on.</summary>
    Interrupted,
    Complete,
}

/// <summary>An import of the ledger, over all its batches.</summary>
/// <param name="Bytes">Bytes of the source, in UTF-8, that are committed.</param>
public sealed record CitusImport(
    Guid ImportId, string Table, string Source, ImportState State, long Rows, long Rejected, long Bytes, long Batches,
    string Route, string LoadedBy, DateTime FirstCommit, DateTime LastCommit)
{
    /// <summary>Ends what killed loads left prepared on the nodes, as the ledger decides.</summary>
    public static Task RecoverAsync(CitusConnection connection, IReadOnlyDictionary<string, string>? nodeAddress, Action<string> explain, CancellationToken stop) =>
        PreparedBatches.RecoverAsync(connection, new NodeAddresses(nodeAddress), explain, stop);

    /// <summary>All imports, the latest first, or one. Changes nothing.</summary>
    public static async Task<IReadOnlyList<CitusImport>> ListAsync(CitusConnection connection, Guid? importId, CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        if (!await ImportLedger.ExistsAsync(session, stop)) return [];
        var found = new List<CitusImport>();
        await using (var command = new NpgsqlCommand("""
            SELECT import_id, min(table_name), min(source), bool_or(is_last), sum(rows)::bigint, sum(rejected)::bigint, max(end_byte), count(*),
                   string_agg(DISTINCT route, ', '), min(loaded_by), min(committed_at), max(committed_at)
            FROM woodgrove.import_batch WHERE $1::uuid IS NULL OR import_id = $1 GROUP BY 1 ORDER BY 12 DESC
            """, session)
        {
            Parameters = { new() { Value = (object?)importId ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid } },
        })
        {
            await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
            {
                found.Add(new CitusImport(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetBoolean(3) ? ImportState.Complete : ImportState.Interrupted,
                    row.GetInt64(4), row.GetInt64(5), row.GetInt64(6), row.GetInt64(7), row.GetString(8), row.GetString(9), row.GetDateTime(10), row.GetDateTime(11)));
            }
        }
        for (int i = 0; i < found.Count; i++)
        {
            if (found[i].State == ImportState.Interrupted && !await ImportLedger.TryLockAsync(session, found[i].ImportId, stop))
                found[i] = found[i] with { State = ImportState.Running };
        }
        await ImportLedger.UnlockAllAsync(session);
        return found;
    }

    /// <summary>Clears an import from the ledger, after ending what it left prepared; its committed rows stay in the table.</summary>
    public static async Task RemoveAsync(
        CitusConnection connection, Guid importId, IReadOnlyDictionary<string, string>? nodeAddress, Action<string> explain, CancellationToken stop)
    {
        await PreparedBatches.RecoverAsync(connection, new NodeAddresses(nodeAddress), explain, stop);
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        if (await ImportLedger.ExistsAsync(session, stop))
        {
            if (!await ImportLedger.TryLockAsync(session, importId, stop)) throw ImportLedger.Running(importId);
            if (await PendingBatch.ExistsAsync(session, stop)) await PendingBatch.ForgetAsync(session, importId, null, stop);
            bool dropped = await Staging.DropAsync(session, importId, stop);
            int rows = await ImportLedger.ForgetAsync(session, importId, stop);
            await ImportLedger.UnlockAllAsync(session);
            if (rows > 0 || dropped) return;
        }
        throw new CitusException("CitusImportNotFound", CitusErrorKind.ObjectNotFound, $"There is no import {importId} in the ledger of '{connection.Database}'.",
            "Get-CitusImport lists them.") { Target = importId };
    }
}
