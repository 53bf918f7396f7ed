namespace Woodgrove.Citus.Operations;

/// <summary>How far a change is.</summary>
/// <param name="Statement">The number of the statement that runs, from 1.</param>
/// <param name="CopiedBytes">What Citus says that the statement has copied, or null where it says nothing.</param>
/// <param name="SizeBytes">The size of what the statement copies, as Citus gives it.</param>
/// <param name="Phase">Citus's name of what it does.</param>
public sealed record ChangeProgress(ClusterChange Change, int Statement, long? CopiedBytes = null, long? SizeBytes = null,
    string? Phase = null);
