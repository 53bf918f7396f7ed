using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// A part of a table's rows on its way into the target, in one transaction or several that are committed together with the
/// part's row of the ledger. Disposed before, it leaves nothing.
/// </summary>
internal interface ICopyPart : IAsyncDisposable
{
    /// <summary>Copies what a COPY of the source gives.</summary>
    /// <param name="copied">Told of rows and bytes, a block at a time.</param>
    Task CopyAsync(Npgsql.NpgsqlRawCopyStream from, Action<int, int> copied, CancellationToken stop);

    /// <summary>How many rows a conflict rule has inserted or updated; null where there is no rule.</summary>
    long? Moved => null;

    Task CommitAsync(ImportBatch row, CancellationToken stop);
}
