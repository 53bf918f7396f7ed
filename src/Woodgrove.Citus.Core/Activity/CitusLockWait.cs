using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Activity;

/// <summary>A session that others wait for, or that waits for others; those who wait follow the one they wait for.</summary>
/// <param name="Depth">0 of a session that blocks and waits for none; one more for each that must end before.</param>
/// <param name="GlobalProcessId">Citus's id of the session over all nodes; Stop-CitusActivity takes it.</param>
/// <param name="BlockedBy">The sessions that it waits for.</param>
/// <param name="Blocks">How many sessions wait for it, directly or by way of others.</param>
/// <param name="AwaitedLock">What it waits for, such as <c>row of acc_102014</c>; null of one that does not wait, or where its node could
/// not be asked.</param>
/// <param name="WaitsOn">The node on which it waits, as name:port.</param>
/// <param name="Waiting">How long it has waited (from PostgreSQL 14).</param>
/// <param name="Query">The latest statement; null where the role may not see it.</param>
public sealed record CitusLockWait(
    int Depth, long GlobalProcessId, string NodeName, int NodePort, int ProcessId, string? UserName, string? ApplicationName, string? State,
    string? Query,
    Listing<long> BlockedBy, int Blocks, string? AwaitedLock, string? WaitsOn, TimeSpan? Waiting, DateTime? TransactionStart)
{
    /// <summary>The session's id, set in by its depth.</summary>
    public string Session =>
        string.Concat(Enumerable.Repeat("  ", Depth)) + GlobalProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Who waits for whom, over all nodes.</summary>
    /// <param name="warn">Receives what could not be seen, and what would change that.</param>
    public static async Task<IReadOnlyList<CitusLockWait>> ListAsync(CitusConnection connection, Action<string> explain,
        Action<string> warn, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        List<(long Waiting, long Blocking)> edges = await EdgesAsync(connection, session, stop);
        // Read even where none waits: the waits of a node that gives no answer are missing without a word.
        SessionSnapshot seen = await SessionSnapshot.ReadAsync(connection, session, stop);
        seen.Report(connection, warn);
        if (edges.Count == 0)
        {
            explain("No session waits for another's lock.");
            return [];
        }
        List<CitusLockWait> tree = [.. LockTree.Of(edges).Select(n => Wait(n, seen))];
        if (tree.Count(w => w.Query is null) is > 0 and var hidden)
        {
            warn($"The statements of {hidden} session(s) are hidden from {connection.UserName}. "
                + $"GRANT pg_read_all_stats TO {TableName.QuoteIfNeeded(connection.UserName)} shows them.");
        }
        if (tree.Exists(w => w.Depth == 0 && w.BlockedBy.Count > 0))
            explain("Some sessions wait for each other in a circle; Citus ends the youngest of them within seconds "
                + "(citus.distributed_deadlock_detection_factor).");
        return tree;
    }

    private static CitusLockWait Wait(LockTree.Node node, SessionSnapshot seen)
    {
        (int nodeId, int process) = NodeSession.Split(node.Id);
        NodeAnswer? home = seen.Nodes.FirstOrDefault(n => n.NodeId == nodeId);
        NodeSession? client = seen.Client(node.Id), waits = seen.Waiting(node.Id);
        return new CitusLockWait(node.Depth, node.Id, home?.NodeName ?? "", home?.NodePort ?? 0, process,
            client?.UserName, client?.ApplicationName, client?.State, client?.Query, node.BlockedBy.ToListing(), node.Blocks,
            waits?.AwaitedLock,
            waits is null ? null : $"{waits.Node.NodeName}:{waits.Node.NodePort}", waits?.Waiting, client?.TransactionStart);
    }

    private static async Task<List<(long Waiting, long Blocking)>> EdgesAsync(CitusConnection connection, NpgsqlConnection session,
        CancellationToken stop)
    {
        // What citus_lock_waits reads. That view joins citus_stat_activity, so it shows nothing to a role whom the nodes
        // don't let in; this one is answered by Citus's own sessions. It moved to a schema of its own in Citus 13.1.
        await using var command = new NpgsqlCommand(connection.IsCitus ? $"""
            SELECT CASE WHEN w.waiting_global_pid <> 0 THEN w.waiting_global_pid
                ELSE pg_catalog.citus_calculate_gpid(pg_catalog.get_nodeid_for_groupid(w.waiting_node_id), w.waiting_pid) END,
                   CASE WHEN w.blocking_global_pid <> 0 THEN w.blocking_global_pid
                       ELSE pg_catalog.citus_calculate_gpid(pg_catalog.get_nodeid_for_groupid(w.blocking_node_id), w.blocking_pid) END
            FROM {(await MovedAsync(session, stop) ? "citus_internal.global_blocked_processes" : "pg_catalog.citus_internal_global_blocked_processes")}() w
            """ : """
            SELECT n.nodeid * 10000000000 + l.pid, n.nodeid * 10000000000 + b.pid
            FROM pg_catalog.pg_locks l CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(l.pid)) b (pid)
            CROSS JOIN pg_catalog.pg_dist_node n WHERE NOT l.granted AND n.groupid = 0
            """, session);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var edges = new List<(long, long)>();
        while (await row.ReadAsync(stop))
        {
            // The node of a session that has just ended, or that was just removed, has no id.
            if (!await row.IsDBNullAsync(0, stop) && !await row.IsDBNullAsync(1, stop)) edges.Add((row.GetInt64(0), row.GetInt64(1)));
        }
        return edges;
    }

    private static Task<bool> MovedAsync(NpgsqlConnection session, CancellationToken stop) =>
        session.ScalarAsync<bool>("SELECT pg_catalog.to_regproc('citus_internal.global_blocked_processes') IS NOT NULL", stop);
}
