namespace Woodgrove.Citus.Jobs;

/// <summary>A task of a background job.</summary>
/// <param name="State">As Citus says: blocked, runnable, running, done, error, unscheduled, cancelling, cancelled.</param>
/// <param name="Command">Its SQL.</param>
public sealed record CitusJobTask(long TaskId, string State, string Command)
{
    /// <summary>How often it was tried again.</summary>
    public int Retries { get; init; }

    /// <summary>What it failed with; null where it did not.</summary>
    public string? Message { get; init; }

    /// <summary>How long it has been running; null where it does not, since Citus keeps no time of other states.</summary>
    public TimeSpan? InState { get; init; }

    /// <summary>Why it does not go on; null where it does.</summary>
    public string? WaitsFor { get; init; }
}
