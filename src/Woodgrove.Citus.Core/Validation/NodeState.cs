namespace Woodgrove.Citus.Validation;

/// <summary>A primary node of the cluster, and whether it could be asked.</summary>
/// <param name="Node">Its name and port among the nodes.</param>
/// <param name="Unreachable">Why it could not be asked, or null.</param>
/// <param name="ClockOffset">Seconds that its clock is ahead of this machine's.</param>
/// <param name="ClockUncertainty">Seconds by which the offset may be wrong: half the time that asking took.</param>
public sealed record NodeState(string Node, string Host, int Port, int GroupId, bool IsActive, string? Unreachable, double ClockOffset,
    double ClockUncertainty)
{
    internal bool IsLocal { get; init; }
}
