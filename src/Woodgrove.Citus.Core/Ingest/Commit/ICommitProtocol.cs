using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>
/// How the transactions of a batch, one a node or shard, are committed together. Disposed before it has committed, it
/// leaves nothing of the batch, or what recovery can end.
/// </summary>
internal interface ICommitProtocol : IAsyncDisposable
{
    /// <summary>Commits the batch with its row of the ledger.</summary>
    /// <param name="row">The row, or null where no ledger is kept.</param>
    Task CommitAsync(ImportBatch? row, CancellationToken stop);
}
