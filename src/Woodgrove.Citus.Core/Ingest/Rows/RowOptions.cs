using Woodgrove.Citus.Ingest.Merge;

namespace Woodgrove.Citus.Ingest.Rows;

/// <summary>How rows are gathered and loaded.</summary>
/// <param name="BatchSize">Rows that make a batch full.</param>
/// <param name="FlushInterval">The longest that a row waits for its batch to fill.</param>
public sealed record RowOptions(int BatchSize, TimeSpan FlushInterval)
{
    /// <summary>A row whose values are longer is refused.</summary>
    public int MaxRowBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>The first refused row ends the load; nothing of its batch is loaded.</summary>
    public bool StopAtRefused { get; init; }

    public ConflictAction OnConflict { get; init; }

    /// <summary>The key that decides; null takes the primary key, or the only unique one.</summary>
    public IReadOnlyList<string>? KeyColumns { get; init; }
}
