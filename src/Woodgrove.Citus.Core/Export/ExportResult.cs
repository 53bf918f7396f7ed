namespace Woodgrove.Citus.Export;

/// <summary>How rows travel out of the cluster.</summary>
public enum ExportRoute
{
    /// <summary>One COPY from the coordinator, which gathers the rows from their nodes.</summary>
    Coordinator,

    /// <summary>A COPY of each shard from its node, several side by side.</summary>
    Shard,
}

/// <summary>As of when the rows were read.</summary>
public enum ExportConsistency
{
    /// <summary>All of them as of one instant.</summary>
    Snapshot,

    /// <summary>Each shard as of the moment at which its own reading began: Citus has no snapshot over several nodes.</summary>
    PerShard,
}

/// <summary>What an export did.</summary>
/// <param name="Source">The table, or the query.</param>
/// <param name="Bytes">The size of the file, compressed where it is.</param>
/// <param name="RouteReason">Why this route was taken.</param>
public sealed record ExportResult(
    string Source, string Path, long Rows, long Bytes, TimeSpan Duration, double RowsPerSecond,
    ExportRoute Route, string RouteReason, ExportConsistency Consistency);

/// <summary>How far an export is.</summary>
/// <param name="Bytes">Bytes of CSV, before they are compressed.</param>
public readonly record struct ExportProgress(long Rows, long Bytes, TimeSpan Elapsed);
