using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// The ledger of a table's import, for parts that are committed side by side: its one session does one thing at a time.
/// All parts are named for the attempt that began them; once a standby has taken over, no more are decided.
/// </summary>
internal sealed class CopyLedger(ImportLedger ledger) : IBatchLedger, IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1);

    public Guid ImportId => ledger.ImportId;
    public string Attempt => ledger.Attempt;

    /// <summary>The ledger itself, for parts that are committed one after the other, in its session.</summary>
    public ImportLedger Session => ledger;

    /// <summary>How many bytes the parts have that it holds.</summary>
    public long Bytes { get; private set; }

    /// <summary>The parts that it holds.</summary>
    public async Task<IReadOnlyList<ImportBatch>> BeginAsync(CancellationToken stop)
    {
        IReadOnlyList<ImportBatch> parts = await ledger.BatchesAsync(stop);
        if (parts.Count > 0) Bytes = parts.Max(p => p.EndByte);
        return parts;
    }

    /// <summary>Writes a part's row; the bytes that it names are counted from the first part's on, in the order of the commits.</summary>
    public Task WriteAsync(ImportBatch batch, CancellationToken stop, bool isPending = false) => AloneAsync(async () =>
    {
        if (ledger.Timeline.MayLack(Attempt)) throw CopyErrors.FailedOver(ImportId);
        await ledger.WriteAsync(Placed(batch), stop, isPending);
        Bytes += batch.EndByte - batch.FirstByte;
    }, stop);

    public async Task<bool> IsDecidedAsync(int batch, CancellationToken stop)
    {
        bool isDecided = false;
        await AloneAsync(async () => isDecided = await ledger.IsDecidedAsync(batch, stop), stop);
        return isDecided;
    }

    public Task SettleAsync(ImportBatch batch, TimeSpan patience) =>
        AloneAsync(() => ledger.SettleAsync(batch, patience, keepAttempt: true), CancellationToken.None);

    public Task ForgetPartsAsync(ImportBatch batch, CancellationToken stop) => throw new NotSupportedException();

    public async ValueTask DisposeAsync()
    {
        await ledger.DisposeAsync();
        _gate.Dispose();
    }

    /// <summary>A row that is written in the ledger's own session, in the transaction of the part's rows.</summary>
    public ImportBatch Placed(ImportBatch batch) => batch with { FirstByte = Bytes, EndByte = Bytes + batch.EndByte - batch.FirstByte };

    private async Task AloneAsync(Func<Task> work, CancellationToken stop)
    {
        await _gate.WaitAsync(stop);
        try
        {
            await work();
        }
        finally
        {
            _gate.Release();
        }
    }
}
