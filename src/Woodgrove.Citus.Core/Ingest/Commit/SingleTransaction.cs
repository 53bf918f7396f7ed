using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>Commits the one transaction of a batch, in which its row of the ledger is written too.</summary>
internal sealed class SingleTransaction(IBatchLedger? ledger, INodePart part) : ICommitProtocol
{
    public async Task CommitAsync(ImportBatch? row, CancellationToken stop)
    {
        if (ledger is not null && row is not null) await ledger.WriteAsync(row, stop);
        await part.CommitAsync(stop);
    }

    public async ValueTask DisposeAsync() => await part.RollbackAsync(endPrepared: false);
}
