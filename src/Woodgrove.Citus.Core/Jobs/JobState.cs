namespace Woodgrove.Citus.Jobs;

/// <summary>How far a background job is. The first two, and the two that end in -ing, are of one that is not over.</summary>
public enum JobState
{
    Scheduled,
    Running,
    Cancelling,
    Failing,
    Finished,
    Cancelled,
    Failed,
}
