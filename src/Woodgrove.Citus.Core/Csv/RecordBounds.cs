namespace Woodgrove.Citus.Csv;

/// <summary>Where a record ends among the bytes of some, and on which line of the file.</summary>
internal readonly record struct RecordBounds(int End, long Line);
