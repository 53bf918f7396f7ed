namespace Woodgrove.Citus.Shards;

/// <summary>A move of a shard, and of those colocated with it, from one node to another.</summary>
/// <param name="Table">The table of the shard that leads the move, or null where the task is none, such as the copy of reference tables to
/// a new node.</param>
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

    /// <summary>How long it has been running; null where it does not, since Citus keeps no time of other states.</summary>
    public TimeSpan? InState { get; init; }

    /// <summary>Why it does not go on; null where it does.</summary>
    public string? WaitsFor { get; init; }

    /// <summary>Citus's own number of the task, or null in a plan.</summary>
    public long? TaskId { get; init; }
}
