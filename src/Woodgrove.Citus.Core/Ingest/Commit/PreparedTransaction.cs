using Npgsql;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>A transaction that an import has prepared, as a node lists it.</summary>
/// <param name="TransactionId">Its id (xid8).</param>
/// <param name="Owner">The role that prepared it.</param>
internal sealed record PreparedTransaction(PreparedName Name, string TransactionId, string Owner)
{
    /// <summary>Those on a node of the session's database that name a coordinator.</summary>
    /// <param name="importId">Only this import's, or null for all.</param>
    public static async Task<List<PreparedTransaction>> ListAsync(NpgsqlConnection node, string coordinatorId, Guid? importId,
        CancellationToken stop)
    {
        // An id has 32 bits here; those that look later than the next one are of the epoch before.
        await using var command = new NpgsqlCommand("""
            SELECT p.gid, p.owner::text, (CASE WHEN p.transaction::text::bigint >= next.xid & 4294967295 THEN (next.xid >> 32) - 1
                ELSE next.xid >> 32 END << 32 | p.transaction::text::bigint)::text
            FROM pg_catalog.pg_prepared_xacts p,
                 (SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint AS xid) next
            WHERE p.database = pg_catalog.current_database() AND pg_catalog.starts_with(p.gid, $1) ORDER BY p.gid
            """, node) { Parameters = { new() { Value = PreparedName.Prefix + coordinatorId } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var found = new List<PreparedTransaction>();
        while (await row.ReadAsync(stop))
        {
            if (PreparedName.Parse(row.GetString(0)) is { } name && name.Coordinator == coordinatorId
                && (importId is null || name.ImportId == importId))
                found.Add(new PreparedTransaction(name, row.GetString(2), row.GetString(1)));
        }
        return found;
    }
}
