namespace Woodgrove.Citus.Activity;

/// <summary>What a session runs, or holds open, on a node.</summary>
public sealed record CitusActivityPart(
    string NodeName, int NodePort, int ProcessId, string? State, string? Query, TimeSpan? Duration, string? WaitsFor)
{
    public override string ToString() => $"{NodeName}:{NodePort} {State}";
}
