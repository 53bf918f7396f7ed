using Npgsql;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Shards;

/// <summary>Whether the nodes have room for the moves of a rebalance, which would start, and fail move by move.</summary>
internal static class RebalanceReadiness
{
    // Those that are no background workers; a role that may not see a session's kind counts it as none.
    private const string Room = """
        SELECT d.available_disk_size AS disk,
            current_setting('max_worker_processes')::int - count(*) FILTER (WHERE a.backend_type NOT IN ('client backend',
                'autovacuum launcher', 'autovacuum worker', 'background writer', 'checkpointer', 'walwriter', 'walsender', 'walreceiver',
                'startup', 'archiver', 'walsummarizer', 'io worker', 'slotsync worker', 'standalone backend')) AS workers,
            current_setting('max_logical_replication_workers')::int
                - count(*) FILTER (WHERE a.backend_type LIKE 'logical replication % worker') AS logical_workers,
            current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_catalog.pg_replication_slots) AS slots,
            current_setting('max_wal_senders')::int - count(*) FILTER (WHERE a.backend_type = 'walsender') AS senders,
            coalesce(bool_or(a.backend_type LIKE 'Citus Background Task Queue Monitor%'), false) AS runs_jobs
        FROM pg_catalog.pg_stat_activity a, pg_catalog.citus_local_disk_space_stats() d GROUP BY d.available_disk_size
        """;

    /// <exception cref="CitusException">A node lacks what a move needs.</exception>
    public static async Task RequireAsync(NpgsqlConnection session, IReadOnlyList<ShardMove> moves, string mode, CancellationToken stop)
    {
        IReadOnlyList<NodeAnswer> answers = await NodeAnswer.AskAllAsync(session, Room, stop);
        NodeRoom[] rooms = [.. answers.SelectMany(a => a.Rows, (a, r) => new NodeRoom($"{a.NodeName}:{a.NodePort}",
            r.GetProperty("disk").GetInt64(), r.GetProperty("workers").GetInt32(), r.GetProperty("logical_workers").GetInt32(),
            r.GetProperty("slots").GetInt32(), r.GetProperty("senders").GetInt32(), r.GetProperty("runs_jobs").GetBoolean()))];
        string own = answers.First(a => a.IsOwn) is var node ? $"{node.NodeName}:{node.NodePort}" : "";
        if (Lack(rooms, own, moves, mode) is { } lack) throw lack;
    }

    /// <summary>What stands against the moves, or null. Of a node that gave no answer nothing is known.</summary>
    /// <param name="coordinator">The node that runs the job.</param>
    public static CitusException? Lack(IReadOnlyList<NodeRoom> rooms, string coordinator, IReadOnlyList<ShardMove> moves, string mode)
    {
        bool isLogical = mode != "block_writes";
        foreach (NodeRoom room in rooms)
        {
            long arriving = moves.Where(m => m.Target == room.Node).Sum(m => m.SizeBytes ?? 0);
            bool isTarget = moves.Any(m => m.Target == room.Node), isSource = moves.Any(m => m.Source == room.Node);
            // A task of the job takes a process on the coordinator, and a copy by logical replication one on its target.
            int needed = (room.Node != coordinator ? 0 : room.RunsJobs ? 1 : 2) + (isTarget && isLogical ? 1 : 0);
            if (room.Workers < needed) return ShardErrors.NoRoom(room.Node, "max_worker_processes", room.Workers, needed);
            if (arriving > room.DiskBytes) return ShardErrors.DiskTooSmall(room, arriving);
            if (!isLogical) continue;
            if (isTarget && room.LogicalWorkers <= 0) return ShardErrors.NoRoom(room.Node, "max_logical_replication_workers", 0, 1);
            if (isSource && room.Slots <= 0) return ShardErrors.NoRoom(room.Node, "max_replication_slots", 0, 1);
            if (isSource && room.Senders <= 0) return ShardErrors.NoRoom(room.Node, "max_wal_senders", 0, 1);
        }
        return null;
    }

    /// <summary>What keeps the moves from beginning, or from running side by side, though the rebalance is started.</summary>
    public static async Task<string?> DelayAsync(NpgsqlConnection session, RebalanceOrder order, CancellationToken stop) =>
        await session.FirstAsync("""
            SELECT current_setting('citus.max_background_task_executors')::int,
                coalesce(current_setting('citus.max_background_task_executors_per_node', true)::int, 1), count(*)::int,
                coalesce(array_agg(DISTINCT t.job_id), '{}'),
                coalesce(current_setting('citus.background_task_queue_interval', true) = '-1', false)
            FROM pg_catalog.pg_dist_background_task t WHERE t.status IN ('running', 'cancelling')
            """, row => row.GetBoolean(4) ? ShardErrors.NoTasksStarted
                : Delay(row.GetInt32(0), row.GetInt32(1), row.GetInt32(2), row.GetFieldValue<long[]>(3), order.ParallelColocatedShards), stop);

    /// <param name="executors">How many tasks of background jobs run side by side.</param>
    /// <param name="perNode">How many of them a node takes part in.</param>
    /// <param name="running">How many run.</param>
    /// <param name="jobs">Whose they are.</param>
    /// <param name="isParallel">Whether moves of colocated shards may run side by side.</param>
    public static string? Delay(int executors, int perNode, int running, long[] jobs, bool isParallel) =>
        running >= executors ? ShardErrors.NoExecutor(executors, jobs)
            : isParallel && (executors == 1 || perNode == 1) ? ShardErrors.FewExecutors(executors, perNode) : null;
}
