using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>Commits the one transaction of a batch, in which its row of the ledger is written too.</summary>
/// <param name="forget">Where there is no ledger: removes from another's the imports whose rows a batch that empties the table takes.</param>
internal sealed class SingleTransaction(IBatchLedger? ledger, INodePart part, Func<ImportBatch, CancellationToken, Task>? forget = null)
    : ICommitProtocol
{
    public async Task CommitAsync(ImportBatch? row, CancellationToken stop)
    {
        if (ledger is not null && row is not null) await ledger.WriteAsync(row, stop);
        else if (forget is not null && row is { Empties: true }) await forget(row, stop);
        await part.CommitAsync(stop);
    }

    public async ValueTask DisposeAsync() => await part.RollbackAsync(endPrepared: false);
}
