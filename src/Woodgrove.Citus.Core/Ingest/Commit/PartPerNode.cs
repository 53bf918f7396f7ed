using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>
/// Commits each node's part apart, with a row of <c>woodgrove.import_part</c> that names the hash ranges it holds, and
/// then writes the batch's row of the ledger. A batch that ends between two parts is completed by loading the other
/// ranges again.
/// </summary>
/// <param name="name">The name of a prepared transaction of this batch, by its part.</param>
internal sealed class PartPerNode(IBatchLedger ledger, ITableGuard guard, IReadOnlyList<INodePart> parts, Func<string, PreparedName> name)
    : ICommitProtocol
{
    public async Task CommitAsync(ImportBatch? row, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(row);
        await guard.PrepareAsync(name(PreparedName.Guard), stop);
        await Task.WhenAll(parts.Where(p => p.HasWork).Select(async part =>
        {
            await part.RecordAsync(row, ledger.Attempt, stop);
            await part.CommitAsync(stop);
        }));
        await ledger.WriteAsync(row, stop);
        await ledger.ForgetPartsAsync(row, stop);
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(parts.Select(p => p.RollbackAsync(endPrepared: false)));
        await guard.TryReleaseAsync();
        await guard.DisposeAsync();
    }
}
