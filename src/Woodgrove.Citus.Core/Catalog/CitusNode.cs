using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Catalog;

/// <summary>A node of the cluster, as <c>pg_dist_node</c> has it.</summary>
/// <param name="Role">Coordinator or Worker, of a standby that it is one, or Clone.</param>
/// <param name="IsActive">What the metadata says: the cluster counts on it, whether or not it runs.</param>
/// <param name="Reachable">Whether the node that the connection leads to could just now run a query there; null where it was not asked,
/// as a node that is not active never is.</param>
/// <param name="ShardCount">Placements on it, those of reference tables included.</param>
/// <param name="SizeBytes">The size of these placements, indexes and TOAST included; null where it was not read.</param>
public sealed record CitusNode(
    int NodeId, int GroupId, string NodeName, int NodePort, string Role, bool IsActive, bool? Reachable, bool HasMetadata,
    bool MetadataSynced, bool ShouldHaveShards, string Rack, string ClusterName, long ShardCount, long? SizeBytes)
{
    private const string Answers = """
        SELECT nodeid, bool_and(success)
        FROM pg_catalog.run_command_on_all_nodes('SELECT 1', give_warning_for_connection_errors := true) GROUP BY 1
        """;

    /// <param name="reach">Asks each node whether it can be reached, which takes seconds where one can't.</param>
    internal static async IAsyncEnumerable<CitusNode> ReadAsync(
        NpgsqlConnection session, ShardSizes sizes, bool reach,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        // By default Citus waits half a minute for a node that does not answer.
        if (reach) await session.ExecuteAsync("SELECT pg_catalog.set_config('citus.node_connection_timeout', '3000', false)", stop);
        await using var command = new NpgsqlCommand($"""
            SELECT n.nodeid, n.groupid, n.nodename, n.nodeport,
                   CASE WHEN pg_catalog.to_jsonb(n) ->> 'nodeisclone' = 'true' THEN 'clone' ELSE n.noderole::text END,
                   n.isactive, n.hasmetadata, n.metadatasynced, n.shouldhaveshards, n.noderack, n.nodecluster::text, count(l.shardid),
                   {ShardSizes.Sum}, r.success
            FROM pg_catalog.pg_dist_node n
            LEFT JOIN pg_catalog.pg_dist_placement l ON l.groupid = n.groupid AND l.shardstate = 1
            {ShardSizes.Join}
            LEFT JOIN ({(reach ? Answers : "SELECT NULL::int, NULL::boolean")}) r (nodeid, success) ON r.nodeid = n.nodeid
            GROUP BY r.success, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ORDER BY n.groupid, n.nodename, n.nodeport
            """, session);
        sizes.AddTo(command);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            int group = row.GetInt32(1);
            string kind = group == 0 ? "Coordinator" : "Worker";
            string role = row.GetString(4) switch { "primary" => kind, "clone" => "Clone", var other => $"{kind} ({other})" };
            yield return new CitusNode(row.GetInt32(0), group, row.GetString(2), row.GetInt32(3), role, row.GetBoolean(5),
                await row.IsDBNullAsync(13, stop) ? null : row.GetBoolean(13), row.GetBoolean(6), row.GetBoolean(7), row.GetBoolean(8),
                row.GetString(9), row.GetString(10), row.GetInt64(11),
                await row.IsDBNullAsync(12, stop) ? null : row.GetInt64(12));
        }
    }
}
