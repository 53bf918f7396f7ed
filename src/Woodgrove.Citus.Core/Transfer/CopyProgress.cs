namespace Woodgrove.Citus.Transfer;

/// <summary>How far a table's copy has come.</summary>
public sealed record CopyProgress(string Table, long Rows, long Bytes, int PartsDone, int Parts, TimeSpan Elapsed);
