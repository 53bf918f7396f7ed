using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>How far a rebalance is. The first two, and the two that end in -ing, are of one that is not over.</summary>
public enum RebalanceState
{
    Scheduled,
    Running,
    Cancelling,
    Failing,
    Finished,
    Cancelled,
    Failed,
}

/// <summary>A rebalance that the cluster works on in the background, or has.</summary>
/// <param name="JobId">Citus's own number of the job.</param>
/// <param name="Done">Moves of shards that are done.</param>
/// <param name="Moves">All moves, those to come too, in the order in which they were planned; the copy of reference tables to a new node is one without a shard.</param>
public sealed record ShardRebalance(
    long JobId, RebalanceState State, int Done, Listing<ShardMove> Moves, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt)
{
    /// <summary>True until no move runs or will run.</summary>
    public bool IsActive => State is RebalanceState.Scheduled or RebalanceState.Running or RebalanceState.Cancelling or RebalanceState.Failing;

    /// <summary>Moves of shards in all, each of a shard with those that are colocated with it.</summary>
    public int Total => Moves.Count(m => m.ShardId is not null);

    /// <summary>What a move failed with, or is tried again for; null where none did.</summary>
    public string? Message => Moves.LastOrDefault(m => m.Message is not null && m.State != "cancelled")?.Message;
}

/// <summary>A move of a shard, and of those colocated with it, from one node to another.</summary>
/// <param name="Table">The table of the shard that leads the move, or null where the task is none, such as the copy of reference tables to a new node.</param>
/// <param name="Source">The node that has it, with its port.</param>
/// <param name="Target">The node that is to have it, with its port.</param>
/// <param name="State">Planned, or as Citus says: blocked, runnable, running, done, error, unscheduled, cancelling, cancelled.</param>
public sealed record ShardMove(string? Table, long? ShardId, string? Source, string? Target, string State)
{
    /// <summary>Of all shards that move together, in a plan and while they move; null otherwise.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>What has arrived of it, while it moves.</summary>
    public long? CopiedBytes { get; init; }

    /// <summary>What is being done, while it moves: Copying Data, Catching Up and the like.</summary>
    public string? Phase { get; init; }

    /// <summary>How often it was tried again.</summary>
    public int Retries { get; init; }

    /// <summary>Why it was.</summary>
    public string? Message { get; init; }

    /// <summary>Citus's own number of the task, or null in a plan.</summary>
    public long? TaskId { get; init; }
}
