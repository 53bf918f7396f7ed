using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>What one file's load did.</summary>
/// <param name="Bytes">Bytes of the source, in its own encoding.</param>
/// <param name="RouteReason">Why this route was taken.</param>
/// <param name="Rejected">Records that were refused and rejected.</param>
/// <param name="Rejects">The first hundred of them.</param>
/// <param name="ImportId">The name of the import in the ledger, or null where none is kept.</param>
public sealed record ImportResult(
    string Table, string Source, long Rows, long Bytes, TimeSpan Duration, double RowsPerSecond, ImportRoute Route, string RouteReason,
    Guid? ImportId,
    long Rejected, Listing<RefusedRow> Rejects)
{
    /// <summary>With -OnConflict: rows that gave way, to one that the table had or to another of the file.</summary>
    public long Conflicts { get; init; }
}
