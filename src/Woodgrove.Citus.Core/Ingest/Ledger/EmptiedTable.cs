using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// What a load that empties its table does to the ledger: imports whose rows it removes leave the ledger in the same
/// transaction. Otherwise one that was interrupted would continue behind rows that are gone, and one that was complete would be refused.
/// </summary>
internal static class EmptiedTable
{
    // The rows of an import with -OnConflict are in its staging table until its end, unless it was begun without.
    private const string Statement = $"""
        DELETE FROM woodgrove.import_batch b WHERE b.table_name = $1 AND b.import_id <> $2 AND EXISTS (
            SELECT FROM woodgrove.import_batch d WHERE d.import_id = b.import_id AND d.distribution !~ '{TargetIdentity.StagingPattern}')
        """;

    /// <summary>Before the table is emptied: refuses to do it under an import that runs, and warns of what this user can't remove.</summary>
    /// <returns>Whether there is a ledger, which this user may write.</returns>
    /// <exception cref="CitusException">Another import into the table runs.</exception>
    public static async Task<bool> CheckAsync(NpgsqlConnection session, string table, Guid importId, Action<string>? warn,
        CancellationToken stop)
    {
        if (!await ImportLedger.ExistsAsync(session, stop) || await LedgerSchema.ObstacleAsync(session, withParts: false, stop) is not null)
            return false;
        List<(Guid Id, string Source, string Role, long Rows, bool IsOwn)> others = await session.ListAsync("""
            SELECT import_id, min(source), min(loaded_by), sum(rows)::bigint,
                bool_and(loaded_by = current_user::text OR NOT pg_catalog.row_security_active('woodgrove.import_batch'))
            FROM woodgrove.import_batch WHERE table_name = $1 AND import_id <> $2 GROUP BY 1 HAVING NOT bool_or(is_last)
            """, row => (row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetBoolean(4)), stop, table, importId);
        IReadOnlySet<Guid> running = await ImportLock.HeldAsync(session, others.Select(o => o.Id), stop);
        if (running.Count > 0) throw LedgerErrors.WouldEmpty(table, running.First());
        foreach ((Guid id, string source, string role, long rows, _) in others.Where(o => !o.IsOwn && o.Rows > 0))
            warn?.Invoke(LedgerErrors.EmptiesAnothers(id, source, role, rows, table));
        return true;
    }

    /// <summary>For the statements that write a batch's row, if the session still holds the import's lock.</summary>
    public static NpgsqlBatchCommand Forget(ImportBatch batch) =>
        new($"{Statement} AND {ImportLock.IsHeldHere(ImportLock.Ledger, "$3")}")
        {
            Parameters =
            {
                new() { Value = batch.Table.Name }, new() { Value = batch.ImportId }, new() { Value = ImportLock.Key(batch.ImportId) },
            },
        };

    /// <summary>For a load that is not in the ledger itself.</summary>
    public static Task ForgetAsync(NpgsqlConnection session, ImportBatch batch, CancellationToken stop) =>
        session.ExecuteAsync(Statement, stop, batch.Table.Name, batch.ImportId);
}
