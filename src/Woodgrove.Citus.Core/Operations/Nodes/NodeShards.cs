using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>The shards of which a node has the only copy.</summary>
/// <param name="Tables">Their tables.</param>
/// <param name="Keyless">Those of the tables whose UPDATE and DELETE can't be replicated logically.</param>
internal sealed record NodeShards(long Count, IReadOnlyList<string> Tables, IReadOnlyList<string> Keyless)
{
    public static async Task<NodeShards> ReadAsync(NpgsqlConnection session, ClusterNode node, CancellationToken stop)
    {
        if (!node.IsPrimary) return new NodeShards(0, [], []);
        var tables = await session.ListAsync($"""
            SELECT {SearchPath.Show("c.oid")}, count(*), {MissingIdentity.Of("c")}
            FROM pg_catalog.pg_dist_placement l
            JOIN pg_catalog.pg_dist_shard s ON s.shardid = l.shardid
            JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = s.logicalrelid AND p.repmodel <> 't'
            JOIN pg_catalog.pg_class c ON c.oid = s.logicalrelid
            WHERE l.groupid = $1 AND l.shardstate = 1
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_placement o
                    WHERE o.shardid = l.shardid AND o.groupid <> l.groupid AND o.shardstate = 1)
            GROUP BY c.oid, c.relkind, c.relreplident ORDER BY 1
            """, row => (Name: row.GetString(0), Shards: row.GetInt64(1), IsKeyless: row.GetBoolean(2)), stop, node.GroupId);
        return new NodeShards(tables.Sum(t => t.Shards), [.. tables.Select(t => t.Name)],
            [.. tables.Where(t => t.IsKeyless).Select(t => t.Name)]);
    }
}
