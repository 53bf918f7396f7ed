namespace Woodgrove.Citus.Transfer;

/// <summary>What of a table is committed in the target.</summary>
internal sealed record CopiedParts(int Parts, long Rows, long Bytes);
