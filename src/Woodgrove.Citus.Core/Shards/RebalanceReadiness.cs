using Npgsql;
using Woodgrove.Citus.Activity;
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
            current_setting('max_wal_senders')::int - count(*) FILTER (WHERE a.backend_type = 'walsender') AS senders
        FROM pg_catalog.pg_stat_activity a, pg_catalog.citus_local_disk_space_stats() d GROUP BY d.available_disk_size
        """;

    /// <exception cref="CitusException">A node lacks what a move needs.</exception>
    public static async Task RequireAsync(NpgsqlConnection session, IReadOnlyList<ShardMove> moves, string mode, CancellationToken stop)
    {
        IReadOnlyList<NodeAnswer> answers = await NodeAnswer.AskAllAsync(session, Room, stop);
        NodeRoom[] rooms = [.. answers.SelectMany(a => a.Rows, (a, r) => new NodeRoom($"{a.NodeName}:{a.NodePort}",
            r.GetProperty("disk").GetInt64(), r.GetProperty("workers").GetInt32(), r.GetProperty("logical_workers").GetInt32(),
            r.GetProperty("slots").GetInt32(), r.GetProperty("senders").GetInt32()))];
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
            // The job takes a process on the coordinator, and a copy by logical replication one on its target.
            if (room.Workers <= 0 && (room.Node == coordinator || (isTarget && isLogical)))
                return ShardErrors.NoRoom(room.Node, "max_worker_processes");
            if (arriving > room.DiskBytes) return ShardErrors.DiskTooSmall(room, arriving);
            if (!isLogical) continue;
            if (isTarget && room.LogicalWorkers <= 0) return ShardErrors.NoRoom(room.Node, "max_logical_replication_workers");
            if (isSource && room.Slots <= 0) return ShardErrors.NoRoom(room.Node, "max_replication_slots");
            if (isSource && room.Senders <= 0) return ShardErrors.NoRoom(room.Node, "max_wal_senders");
        }
        return null;
    }
}
