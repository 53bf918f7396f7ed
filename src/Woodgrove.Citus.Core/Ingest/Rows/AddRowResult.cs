namespace Woodgrove.Citus.Ingest.Rows;

/// <summary>What a stream of rows came to.</summary>
/// <param name="Rejected">Rows that the server, or the check before it, refused.</param>
/// <param name="Batches">Transactions that the rows went in.</param>
public sealed record AddRowResult(string Table, long Rows, long Rejected, long Batches, TimeSpan Duration, double RowsPerSecond)
{
    /// <summary>With -OnConflict: rows that gave way, to one that the table had or to another of their batch.</summary>
    public long Conflicts { get; init; }
}
