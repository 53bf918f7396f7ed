using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>Some consecutive records of a file on their way into a table: committed together, or not at all.</summary>
internal interface IBatch : IAsyncDisposable
{
    /// <summary>Takes the records of a block between two offsets.</summary>
    ValueTask WriteAsync(RecordBlock block, int from, int to, CancellationToken stop);

    /// <summary>Sends what is still held back; after it the servers have refused what they will.</summary>
    Task FinishAsync(CancellationToken stop);

    /// <summary>
    /// Commits the records together with their row of the ledger, if one is kept. Disposed before, a batch leaves
    /// nothing.
    /// </summary>
    Task CommitAsync(ImportBatch? row, CancellationToken stop);
}
