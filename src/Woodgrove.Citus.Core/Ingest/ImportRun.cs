using System.Diagnostics;
using System.IO.Hashing;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>Reads a file's blocks and gives them to batches, each committed with its row of the ledger.</summary>
internal sealed class ImportRun(
    CsvImport import, CsvSource source, CsvDialect dialect, TableInfo target, IReadOnlyList<TableColumn> columns,
    CsvInput input, ImportRoute route, ShardRoute shards, ImportLedger? ledger, bool dotEndsData)
{
    private readonly CsvRecordReader _reader = new(input, dialect);
    private readonly XxHash3 _fingerprint = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _number;             // of the batch that is open, or comes next
    private long _committedRows;     // of this run and, resumed, of those before it
    private long _committedBytes;
    private long _batchRows;         // records of the open batch, those set aside included
    private long _committedRejects;  // of all runs of the import
    private readonly Rejects? _rejects = import.SkipErrors ? new Rejects(source, target, import.MaxErrors) : null;
    private RejectFile? _rejectFile;
    private bool _commitLost;        // its answer never came
    private bool _isComplete;        // by an earlier attempt of this command

    /// <summary>What is in the table if the run ends now, in words.</summary>
    public string Kept => (_commitLost, _committedRows, ledger) switch
    {
        (true, _, null) => $"It was lost during the commit: all of the file is in {target.Display}, or nothing. With -ImportId or -Checkpoint the ledger would know.",
        (true, _, _) => $"{_committedRows} rows up to byte {_committedBytes} are committed, or one batch more; -ImportId {ledger.ImportId} knows, and goes on after it.",
        (_, 0, _) => $"Nothing of the file is in {target.Display}.",
        _ => $"{_committedRows} rows up to byte {_committedBytes} are committed; -ImportId {ledger!.ImportId} goes on after them.",
    };

    /// <summary>What the load did, once it has run.</summary>
    /// <param name="rowsBefore">Rows that were committed before this load began.</param>
    public ImportResult Result(long rowsBefore, TimeSpan duration, string reason) => new(target.Display, source.Name, _committedRows - rowsBefore,
        input.BytesRead, duration, (_committedRows - rowsBefore) / Math.Max(duration.TotalSeconds, 1e-9), route, reason, ledger?.ImportId,
        _rejects?.Total ?? 0, _rejects?.First ?? []);

    /// <param name="isRepeat">True after an attempt that broke off, whose last commit may have gone through all the same.</param>
    /// <param name="resumed">Told how many rows earlier runs of the import have committed.</param>
    public async Task RunAsync(CitusConnection connection, bool isRepeat, Action<long> resumed, CancellationToken stop)
    {
        resumed(await SkipCommittedAsync(isRepeat, stop));
        IBatch? batch = null;
        try
        {
            bool ended = _isComplete;
            long end = _committedBytes;
            while (!ended && await _reader.ReadAsync(stop))
            {
                (int from, int to, int rows, ended) = Records();
                if (_rejects is not null && import.RejectPath is not null && _rejectFile is null)
                    _rejectFile = await RejectFile.OpenAsync(import.RejectPath, await HeaderAsync(stop), _committedRejects, dialect, stop);
                if (rows > 0)
                {
                    batch ??= await BeginAsync(connection, stop);
                    await batch.WriteAsync(_reader, from, to, stop);
                    _batchRows += rows;
                }
                _fingerprint.Append(_reader.Block.Span[..to]);
                import.Progress?.Invoke(new ImportProgress(source.Name, _committedRows + _batchRows, input.BytesRead, input.Length, _clock.Elapsed));
                end = _reader.BytesBefore + to;
                if (batch is null || import.Checkpoint?.IsReached(_batchRows, end - _committedBytes) is not true) continue;
                await CommitAsync(batch, end, isLast: false, stop);
                batch = null;
            }
            if (_committedRows + _committedRejects + _batchRows == 0) throw NoRows();
            if (batch is not null) await CommitAsync(batch, end, isLast: true, stop);
            else if (ledger is not null && !_isComplete) await ledger.WriteAsync(Row(_committedBytes, isLast: true), stop);
            batch = null;
        }
        catch (RecordRefusedException refused)
        {
            throw await ExplainAsync(connection, refused, batch as ShardBatch, stop);
        }
        catch (NullKeyException missing)
        {
            throw RefusedRowFinder.NullKey(source, dialect, target, missing.Line, Kept);
        }
        finally
        {
            if (batch is not null) await batch.DisposeAsync();
            if (_rejectFile is not null) await _rejectFile.DisposeAsync();
        }
        import.Explain?.Invoke(route == ImportRoute.Shard
            ? $"Committed {_committedRows} rows: prepared on every node, decided by one row of woodgrove.import_batch, then committed everywhere."
            : $"Committed {_committedRows} rows: Citus prepares them on every node that received some and then commits everywhere.");
    }

    /// <summary>The block's records that are to be loaded: without the header, up to the line that ends the data.</summary>
    private (int From, int To, int Rows, bool Ended) Records()
    {
        bool hasHeader = dialect.HasHeader && _reader.BytesBefore == 0;
        (int count, int to) = dotEndsData ? EndOfData.Find(_reader) : (_reader.Count, _reader.Block.Length);
        bool ended = count < _reader.Count;
        if (ended) import.Warn?.Invoke(EndOfData.Warning(source, _reader, to));
        return (hasHeader ? _reader.EndAfter(0) : 0, to, count - (hasHeader ? 1 : 0), ended);
    }

    /// <summary>Reads past what an earlier run has committed, and refuses a source that is no longer the same.</summary>
    private async Task<long> SkipCommittedAsync(bool isRepeat, CancellationToken stop)
    {
        IReadOnlyList<ImportBatch> done = ledger is null ? [] : await ledger.BatchesAsync(stop);
        if (done.Count == 0) return 0;
        ImportBatch last = done[^1];
        _isComplete = last.IsLast;
        if (_isComplete && !isRepeat)
        {
            throw new CitusException("CitusImportComplete", CitusErrorKind.ResourceExists, $"Import {last.ImportId} of {last.Source} is complete: {done.Sum(b => b.Rows)} rows.",
                "Leave -ImportId out to load the file again, as another import.") { Target = last.ImportId };
        }
        if (last.Table != target.Name.ToString())
        {
            throw new CitusException("CitusImportOfOtherTable", CitusErrorKind.InvalidArgument, $"Import {last.ImportId} loads into {last.Table}, not into {target.Name}.",
                "Name that table, or another -ImportId.") { Target = last.ImportId };
        }
        while (_reader.BytesBefore + _reader.Block.Length < last.EndByte && await _reader.ReadAsync(stop)) _fingerprint.Append(_reader.Block.Span);
        // Batches end where blocks end, and blocks are cut alike every time.
        if (_reader.BytesBefore + _reader.Block.Length != last.EndByte || Fingerprint() != last.Fingerprint)
        {
            throw new CitusException("CitusSourceChanged", CitusErrorKind.InvalidData,
                $"{source} is not what import {last.ImportId} has loaded {done.Sum(b => b.Rows)} rows of: its first {last.EndByte} bytes differ.",
                "Restore the file and resume, or load it as a new import after removing those rows.") { Target = source.Name };
        }
        (_number, _committedBytes, _committedRows, _committedRejects) = (last.Number + 1, last.EndByte, done.Sum(b => b.Rows), done.Sum(b => b.Rejected));
        import.Explain?.Invoke($"Resuming import {last.ImportId} after {_committedRows} rows, at byte {_committedBytes}.");
        return _committedRows;
    }

    private async Task<IBatch> BeginAsync(CitusConnection connection, CancellationToken stop)
    {
        if (route == ImportRoute.Shard) return await ShardBatch.BeginAsync(shards, ledger!, _number, _rejects, stop);
        return await CoordinatorBatch.BeginAsync(connection, ledger, target, columns, dialect, _rejects, stop);
    }

    private async Task CommitAsync(IBatch batch, long end, bool isLast, CancellationToken stop)
    {
        await batch.FinishAsync(stop);
        IReadOnlyList<RejectedRecord> rejected = _rejects?.TakeBatch() ?? [];
        _rejects?.CheckShare(_committedRows + _committedRejects + _batchRows, isLast);
        // Written before the commit: a rejected record is never lost, and a resumed import cuts off what was not committed.
        if (_rejectFile is not null) await _rejectFile.AppendAsync(rejected, stop);
        _batchRows -= rejected.Count;
        try
        {
            await batch.CommitAsync(Row(end, isLast, rejected.Count), stop);
        }
        catch (Exception e) when (PostgresErrors.IsNetwork(e))
        {
            _commitLost = true;
            throw;
        }
        await batch.DisposeAsync();
        (_committedRows, _committedBytes, _batchRows, _committedRejects) = (_committedRows + _batchRows, end, 0, _committedRejects + rejected.Count);
        _number++;
    }

    /// <summary>The source's header line, which the file of rejects begins with too.</summary>
    private async Task<ReadOnlyMemory<byte>> HeaderAsync(CancellationToken stop)
    {
        if (!dialect.HasHeader) return default;
        if (_reader.BytesBefore == 0) return _reader.Block[.._reader.EndAfter(0)];
        await using CsvInput again = await CsvInput.OpenAsync(source, dialect, stop);
        var reader = new CsvRecordReader(again, dialect);
        await reader.ReadAsync(stop);
        return reader.Block[..reader.EndAfter(0)];
    }

    private ImportBatch Row(long end, bool isLast, int rejected = 0) => new(ledger?.ImportId ?? Guid.Empty, _number, target.Name.ToString(), source.Name,
        route.ToString(), Fingerprint(), _committedBytes, end, _batchRows, rejected, isLast);

    private string Fingerprint() => $"xxh3:{_fingerprint.GetCurrentHashAsUInt64():x16}";

    private async Task<CitusException> ExplainAsync(CitusConnection connection, RecordRefusedException refused, ShardBatch? batch, CancellationToken stop)
    {
        // The locks go first: the finder must not wait for its own load.
        if (batch is not null) await batch.DisposeAsync();
        var finder = new RefusedRowFinder(connection, source, dialect, target, columns, _committedBytes, Kept);
        return await finder.ExplainAsync(refused, batch, stop);
    }

    private CitusException NoRows() => new("CitusCsvNoRows", CitusErrorKind.InvalidData,
        $"{source} has a header and no rows; nothing was loaded.", "Check how the file was written; if its first line holds data, use -NoHeader.") { Target = source.Name };
}
