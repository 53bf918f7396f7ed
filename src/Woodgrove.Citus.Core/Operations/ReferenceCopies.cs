using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Operations;

/// <summary>
/// The copies of reference tables that nodes lack. A node that was added or activated gets them late, and Citus refuses to move
/// shards until it has.
/// </summary>
internal sealed record ReferenceCopies(IReadOnlyList<string> Sql, IReadOnlyList<string> Locks)
{
    /// <param name="mode">Citus's own word: auto, force_logical or block_writes.</param>
    /// <param name="nodeIds">The nodes that must have all; null for each node of the cluster.</param>
    /// <exception cref="Errors.CitusException">One can't be copied in this way.</exception>
    public static async Task<ReferenceCopies> ReadAsync(NpgsqlConnection session, string mode, int[]? nodeIds, CancellationToken stop)
    {
        var tables = await session.ListAsync($"""
            SELECT {SearchPath.Show("c.oid")}, {MissingIdentity.Of("c")}, EXISTS (SELECT FROM pg_catalog.pg_dist_node n
                WHERE n.isactive AND n.noderole = 'primary' AND ($1::int[] IS NULL OR n.nodeid = ANY ($1))
                    AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_placement l WHERE l.shardid = s.shardid AND l.groupid = n.groupid))
            FROM pg_catalog.pg_dist_partition p JOIN pg_catalog.pg_dist_shard s ON s.logicalrelid = p.logicalrelid
            JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid WHERE p.partmethod = 'n' AND p.repmodel = 't' ORDER BY 1
            """, row => (Name: row.GetString(0), IsKeyless: row.GetBoolean(1), IsMissing: row.GetBoolean(2)), stop, nodeIds);
        if (!tables.Exists(t => t.IsMissing)) return new([], []);
        string[] keyless = [.. tables.Where(t => t.IsKeyless).Select(t => t.Name)];
        if (mode == "auto" && keyless.Length > 0) throw ChangeErrors.ReferenceNoIdentity(keyless);
        string sql = $"SELECT pg_catalog.replicate_reference_tables('{mode}'::citus.shard_transfer_mode)";
        if (!await session.ScalarAsync<bool>("SELECT pg_catalog.has_function_privilege("
            + "'pg_catalog.replicate_reference_tables(citus.shard_transfer_mode)', 'EXECUTE')", stop))
            throw ChangeErrors.ReferenceNoRight(session.UserName!, sql);
        return new([sql],
        [
            $"First the reference tables {string.Join(", ", tables.Where(t => t.IsMissing).Select(t => t.Name))} are copied to the "
                + $"nodes that lack them; writes to them wait {(mode == "block_writes" ? "until then" : "for the last moment only")}.",
        ]);
    }
}
