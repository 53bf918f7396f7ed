namespace Woodgrove.Citus.Shards;

/// <summary>What a node has free for moves of shards.</summary>
/// <param name="Node">Its name with its port.</param>
/// <param name="DiskBytes">Free on the disk of its data directory.</param>
/// <param name="Workers">Processes of max_worker_processes.</param>
/// <param name="LogicalWorkers">Of max_logical_replication_workers.</param>
/// <param name="Slots">Of max_replication_slots.</param>
/// <param name="Senders">Of max_wal_senders.</param>
/// <param name="RunsJobs">Whether the process runs that hands out the tasks of background jobs, which else takes one more.</param>
internal sealed record NodeRoom(string Node, long DiskBytes, int Workers, int LogicalWorkers, int Slots, int Senders,
    bool RunsJobs = false);
