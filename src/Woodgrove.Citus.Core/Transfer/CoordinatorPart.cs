using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Transfer;

/// <summary>A part of a table on its way through the target's coordinator, in the transaction of its row of the ledger.</summary>
internal sealed class CoordinatorPart : ICopyPart
{
    private readonly CoordinatorBatch _batch;
    private readonly CopyLedger _ledger;
    private readonly bool _isBinary;

    private CoordinatorPart(CoordinatorBatch batch, CopyLedger ledger, bool isBinary) =>
        (_batch, _ledger, _isBinary) = (batch, ledger, isBinary);

    public long? Moved => _batch.Moved;

    /// <param name="isBinary">The rows come in COPY's binary form, and not as CSV.</param>
    public static async Task<CoordinatorPart> BeginAsync(CitusConnection target, CopyLedger ledger, CopyTarget rows, ConflictRule? rule,
        bool isBinary, CancellationToken stop) =>
        new(await CoordinatorBatch.BeginAsync(target, ledger.Session, rows, truncate: false, rejects: null, stop, rule,
            inBinary: isBinary), ledger, isBinary);

    public async Task CopyAsync(NpgsqlRawCopyStream from, Action<int, int> copied, CancellationToken stop)
    {
        if (_isBinary) await new BinaryRows(from).SendAsync(rows => _batch.WriteAsync(default, default, stop, rows), copied, stop);
        else await new CsvRows(from).SendAsync(rows => _batch.WriteAsync(rows, default, stop), copied, stop);
        await _batch.FinishAsync(stop);
    }

    public Task CommitAsync(ImportBatch row, CancellationToken stop) => _batch.CommitAsync(_ledger.Placed(row), stop);

    public ValueTask DisposeAsync() => _batch.DisposeAsync();
}
