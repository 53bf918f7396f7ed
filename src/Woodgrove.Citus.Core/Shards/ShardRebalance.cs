using Woodgrove.Citus.Jobs;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Shards;

/// <summary>A rebalance that the cluster works on in the background, or has.</summary>
/// <param name="JobId">Citus's own number of the job.</param>
/// <param name="Done">Moves of shards that are done.</param>
/// <param name="Moves">All moves, those to come too, in the order in which they were planned; the copy of reference tables to a new node is
/// one without a shard.</param>
public sealed record ShardRebalance(
    long JobId, JobState State, int Done, Listing<ShardMove> Moves, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt)
{
    /// <summary>True until no move runs or will run.</summary>
    public bool IsActive => State is JobState.Scheduled or JobState.Running or JobState.Cancelling
        or JobState.Failing;

    /// <summary>Moves of shards in all, each of a shard with those that are colocated with it.</summary>
    public int Total => Moves.Count(m => m.ShardId is not null);

    /// <summary>What a move failed with, or is tried again for; null where none did.</summary>
    public string? Message => Moves.LastOrDefault(m => m.Message is not null && m.State != "cancelled")?.Message;
}
