using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Jobs;

/// <summary>A job that the cluster works on in the background, or has: a rebalance, the copy of reference tables and the like.</summary>
/// <param name="JobId">Citus's own number of it.</param>
/// <param name="Tasks">In the order in which they were planned.</param>
public sealed record CitusJob(
    long JobId, string JobType, string Description, JobState State, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt,
    Listing<CitusJobTask> Tasks)
{
    /// <summary>True until none of its tasks runs or will run.</summary>
    public bool IsActive => State is JobState.Scheduled or JobState.Running or JobState.Cancelling
        or JobState.Failing;

    /// <summary>Tasks that are done.</summary>
    public int Done => Tasks.Count(t => t.State == "done");

    public int Total => Tasks.Count;

    /// <summary>What a task failed with, or is tried again for; null where none did.</summary>
    public string? Message => Tasks.LastOrDefault(t => t.Message is not null && t.State != "cancelled")?.Message;
}
