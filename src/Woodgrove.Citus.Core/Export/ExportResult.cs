namespace Woodgrove.Citus.Export;

/// <summary>What an export did.</summary>
/// <param name="Source">The table, or the query.</param>
/// <param name="Bytes">The size of the file, compressed where it is.</param>
/// <param name="RouteReason">Why this route was taken.</param>
public sealed record ExportResult(
    string Source, string Path, long Rows, long Bytes, TimeSpan Duration, double RowsPerSecond,
    ExportRoute Route, string RouteReason, ExportConsistency Consistency);
