namespace Woodgrove.Citus.Operations;

/// <summary>Where a restore point is in a node's write-ahead log.</summary>
/// <param name="Lsn">Where its record ends, which Citus tells of the coordinator alone.</param>
/// <param name="MinimumLsn">Its record begins there or later: the node's position just before. Null where it was not told.</param>
/// <param name="MaximumLsn">Its record ends there or earlier: the node's position just after. Null where it was not told.</param>
public sealed record RestorePointNode(
    string NodeName, int NodePort, int GroupId, string? Lsn, string? MinimumLsn, string? MaximumLsn)
{
    public override string ToString() => $"{NodeName}:{NodePort} {Lsn ?? $"{MinimumLsn} to {MaximumLsn}"}";
}
