using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Operations;

/// <summary>
/// Finds what interrupted operations have left behind, and plans how Citus removes it. Transactions of imports are left
/// to the ledger.
/// </summary>
/// <param name="olderThan">The age that a prepared transaction must have; a younger one may be part of a commit that goes on.</param>
/// <param name="warn">Receives which nodes could not be asked.</param>
public sealed class LeftoverSearch(CitusConnection connection, TimeSpan olderThan, Action<string> warn)
{
    /// <summary>Has Citus drop what operations that have ended have left, as its maintenance daemon does by itself.</summary>
    internal const string CleanUp = "CALL pg_catalog.citus_cleanup_orphaned_resources()";

    // Citus: the advisory lock of an operation that goes on has 10 as its class.
    private const string Records = """
        SELECT r.record_id, r.object_name, r.node_group_id, n.nodename || ':' || n.nodeport
        FROM pg_catalog.pg_dist_cleanup r LEFT JOIN pg_catalog.pg_dist_node n ON n.groupid = r.node_group_id AND n.noderole = 'primary'
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 10
                          AND (l.classid::bigint << 32) + l.objid::bigint = r.operation_id)
        ORDER BY r.record_id
        """;

    private const string Prepared = """
        SELECT gid, extract(epoch FROM pg_catalog.clock_timestamp() - prepared)::float8 AS seconds
        FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() ORDER BY prepared
        """;

    /// <summary>What is left over now, in the order in which it is to be repaired.</summary>
    public async Task<IReadOnlyList<ClusterLeftover>> FindAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        if (!connection.IsCitus) throw ChangeErrors.NotSupported(connection, "Repairing a cluster");
        List<ClusterLeftover> found = await session.ListAsync(Records, row => row.TextOrNull(3) is { } node
            ? new ClusterLeftover(LeftoverKind.CleanupRecord, node, row.GetString(1), "Its move, split or other operation has ended.", null,
                false)
            : new ClusterLeftover(LeftoverKind.RecordOfRemovedNode, null, row.GetString(1),
                $"Record {row.GetInt64(0)} of pg_dist_cleanup is of node group {row.GetInt32(2)}, which is not in the cluster.", null,
                false), stop);
        IReadOnlyList<NodeAnswer> nodes = await NodeAnswer.AskAllAsync(session, Prepared, stop);
        NodeAnswer.Report(nodes, connection.UserName, warn);
        found.AddRange(nodes.SelectMany(n => n.Rows.Select(row => Transaction(n, row.GetProperty("gid").GetString()!,
            TimeSpan.FromSeconds(row.GetProperty("seconds").GetDouble())))).OfType<ClusterLeftover>().Where(t => t.Age >= olderThan));
        return [.. found.OrderBy(f => f.Kind)];
    }

    /// <summary>How Citus removes what there is of a kind.</summary>
    /// <exception cref="Errors.CitusException">A record can't be told by its evidence any more.</exception>
    public static ClusterChange Plan(LeftoverKind kind, IReadOnlyList<ClusterLeftover> found)
    {
        string names = string.Join(", ", found.Take(5).Select(f => f.Name)) + (found.Count > 5 ? ", …" : "");
        string count = found.Count.ToString(CultureInfo.InvariantCulture);
        return kind switch
        {
            LeftoverKind.RecordOfRemovedNode => new ClusterChange
            {
                Action = $"Delete {count} record(s) of nodes that are not in the cluster: {names}", Target = "pg_dist_cleanup",
                // Again by what they are, not by what was read: a node may have come back.
                Sql = ["DELETE FROM pg_catalog.pg_dist_cleanup r WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_dist_node n "
                    + "WHERE n.groupid = r.node_group_id)"],
                PermissionAdvice = "Records of pg_dist_cleanup are deleted by superusers alone.",
            },
            LeftoverKind.CleanupRecord => new ClusterChange
            {
                Action = $"Drop {count} object(s) of operations that have ended: {names}", Target = "pg_dist_cleanup",
                Sql = [CleanUp],
                Locks = ["A table of a shard that a statement still reads is dropped by a later run."],
            },
            _ => new ClusterChange
            {
                Action = $"End {count} prepared transaction(s) of Citus: {names}", Target = "prepared transactions",
                Sql = ["SELECT pg_catalog.recover_prepared_transactions()",
                    "SELECT success, result FROM pg_catalog.run_command_on_workers('SELECT pg_catalog.recover_prepared_transactions()')"],
                Locks = ["Each is committed where pg_dist_transaction of the node that began it has its record, "
                    + "and rolled back otherwise."],
            },
        };
    }

    private static ClusterLeftover? Transaction(NodeAnswer node, string gid, TimeSpan age)
    {
        LeftoverKind? kind = gid.StartsWith("citus_", StringComparison.Ordinal) ? LeftoverKind.PreparedTransaction
            : PreparedName.Parse(gid) is not null ? LeftoverKind.ImportTransaction : null;
        return kind is null ? null : new ClusterLeftover(kind.Value, $"{node.NodeName}:{node.NodePort}", gid,
            kind == LeftoverKind.PreparedTransaction ? "Citus ends its own once a minute, and this one is still there."
                : "An import was interrupted between preparing and committing; its ledger decides.", age, false);
    }
}
