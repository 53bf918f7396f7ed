using System.Diagnostics;
using System.IO.Hashing;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>Reads a file's blocks and gives them to batches, each committed with its row of the ledger.</summary>
/// <param name="level">How far records are validated before they are sent, where the coordinator route rejects refused ones.</param>
/// <param name="shown">The first refused records of all attempts.</param>
internal sealed class ImportRun(CsvImport import, ImportPlan plan, ImportLedger? ledger, ValidationLevel level, List<RefusedRow> shown)
{
    /// <summary>How many refused records the result carries as objects.</summary>
    private const int RejectsShown = 100;

    private readonly CsvSource _source = plan.File.Source;
    private readonly TableInfo _table = plan.Table;
    private readonly CopyTarget _target = plan.Staging?.Rows ?? plan.Target;
    private readonly CsvRecordReader _reader = new(plan.Input, plan.File.Dialect);
    private readonly SourceCursor _again = new(plan.File); // behind the batches, for refused records as they stand in it
    private readonly XxHash3 _fingerprint = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly RejectList? _rejects = import.SkipErrors ? new RejectList(plan.File.Source, plan.Staging?.Rows ?? plan.Target,
        import.MaxErrors) : null;
    private int _number;             // of the batch that is open, or comes next
    private long _committedRows;     // of this run and, resumed, of those before it
    private long _committedBytes;
    private long _batchRows;         // records of the open batch, including rejected ones
    private long _committedRejects;  // of all runs of the import
    private bool _inParts;           // some nodes may have committed their part of the open batch, others not
    private long? _merged;           // rows that a staging table gave
    private RejectFile? _rejectFile;
    private bool _commitLost;        // its answer never came
    private bool _isComplete;        // by an earlier attempt of this command
    private bool _isRead;            // all of the source, by earlier runs
    private bool _isInLedger;        // from before this run
    private bool _isSkipping;        // what earlier runs have committed

    /// <summary>What is in the table if the run ends now, in words.</summary>
    public string Kept => ledger switch
    {
        _ when _isSkipping => $"The rows that earlier runs of import {ledger!.ImportId} committed are unchanged.",
        _ when _inParts => "Some nodes may have committed their part of a batch, and others not: "
            + $"-ImportId {ledger!.ImportId} loads what is missing.",
        null when _commitLost => "Connection lost during COMMIT; the outcome is unknown: "
            + $"all rows of the file are in {_table.Display}, or none. With -ImportId or -Checkpoint the ledger records the outcome.",
        _ when _commitLost => $"{_committedRows} rows up to byte {_committedBytes} are committed, or one batch more; "
            + $"-ImportId {ledger!.ImportId} finds out, and continues after the last committed batch.",
        _ when _committedRows == 0 => $"Nothing of the file is in {_table.Display}.",
        _ when plan.Staging is not null => $"Nothing of the file is in {_table.Display}; "
            + $"{_committedRows} rows up to byte {_committedBytes} are committed to a staging table; "
            + $"-ImportId {ledger!.ImportId} continues after them.",
        _ => $"{_committedRows} rows up to byte {_committedBytes} are committed; -ImportId {ledger!.ImportId} continues after them.",
    };

    /// <summary>How much of the source is committed, by this run and those before it.</summary>
    public long CommittedBytes => _committedBytes;

    /// <summary>
    /// True where something is committed, or may be, that a resumed run continues from, or that makes it refuse to load
    /// twice.
    /// </summary>
    public bool HasCommitted => _committedBytes > 0 || _inParts || _commitLost || _isInLedger;

    /// <summary>True where the outcome of a commit is unknown.</summary>
    public bool IsInDoubt => _inParts || _commitLost;

    /// <summary>True where an earlier run has loaded all of the source.</summary>
    public bool WasComplete => _isComplete;

    /// <summary>What the load did, once it has run.</summary>
    /// <param name="before">What was committed before this load began.</param>
    public ImportResult Result((long Rows, long Rejects) before, TimeSpan duration)
    {
        long rows = _merged ?? _committedRows - before.Rows;
        return new ImportResult(_table.Display, _source.Name, rows, plan.Input.BytesRead, duration,
            rows / Math.Max(duration.TotalSeconds, 1e-9),
            plan.Route, plan.Reason, ledger?.ImportId, _committedRejects - before.Rejects, [.. shown.OrderBy(r => r.Line)])
        { Conflicts = _merged is null ? 0 : _committedRows - _merged.Value };
    }

    /// <param name="isRepeat">True after an interrupted attempt, whose last commit may have succeeded.</param>
    /// <param name="resumed">Receives how many rows earlier runs of the import have committed and rejected.</param>
    public async Task RunAsync(bool isRepeat, Action<(long Rows, long Rejects)> resumed, CancellationToken stop)
    {
        await SkipCommittedAsync(isRepeat, stop);
        resumed((_committedRows, _committedRejects));
        PartialBatch? pending = plan.Pending;
        _inParts = pending is not null;
        if (plan.Route == ImportRoute.Worker && _number == 0)
        {
            // Parts are committed before their batch is in the ledger, so the import must be known before.
            await ledger!.WriteAsync(Row(0, isLast: false), stop);
            _number++;
        }
        IBatch? batch = null;
        try
        {
            bool ended = _isComplete || _isRead;
            long end = _committedBytes;
            while (!ended && await _reader.ReadAsync(stop))
            {
                (int from, int to, ended) = Records();
                (RecordBlock rows, int rowsFrom, int rowsTo) = plan.File.Rows(_reader, from, to, Unconverted);
                if (_rejects is not null && import.RejectPath is not null && _rejectFile is null)
                    _rejectFile = await RejectFile.OpenAsync(import.RejectPath, await SourceCursor.HeaderAsync(plan.File, _reader, stop),
                        _committedRejects, plan.File.Dialect, stop);
                if (to > from)
                {
                    batch ??= await BeginAsync(pending, stop);
                    if (rowsTo > rowsFrom) await batch.WriteAsync(rows, rowsFrom, rowsTo, stop);
                    _batchRows += CountRecords(from, to);
                }
                _fingerprint.Append(_reader.Block.Span[..to]);
                import.Progress?.Invoke(new ImportProgress(_source.Name, _committedRows + _batchRows, plan.Input.BytesRead,
                    plan.Input.Length, _clock.Elapsed));
                end = _reader.BytesBefore + to;
                if (batch is null || !IsBatchFull(pending, end)) continue;
                if (pending is not null && pending.Fingerprint != Fingerprint()) throw SourceChanged(pending.EndByte, _committedRows);
                await CommitAsync(batch, end, isLast: false, stop);
                (batch, pending) = (null, null);
            }
            if (_committedRows + _committedRejects + _batchRows == 0) throw NoRows();
            if (pending is not null) throw SourceChanged(pending.EndByte, _committedRows);
            if (batch is not null) await CommitAsync(batch, end, isLast: plan.Staging is null, stop, atEnd: true);
            _rejects?.CheckShare(_committedRows + _committedRejects, atEnd: true);
            if (batch is null && ledger is not null && plan.Staging is null && !_isComplete)
                await ledger.WriteAsync(Row(_committedBytes, isLast: true), stop);
            batch = null;
            if (plan.Staging is not null && !_isComplete) await MergeAsync(stop);
            if (plan.Route == ImportRoute.Worker) await PartialBatch.ForgetAsync(ledger!.Session, ledger.ImportId, null, stop);
        }
        catch (RecordRefusedException refused)
            when (_rejects is not null && batch is CoordinatorBatch && level < ValidationLevel.Workers
                && PostgresErrors.IsWorkerRefusal(refused.Refusal))
        {
            throw new ValidationNeededException(refused);
        }
        catch (RecordRefusedException refused)
        {
            throw await ExplainAsync(refused, batch, stop);
        }
        catch (NullKeyException missing)
        {
            throw RefusedRowFinder.NullKey(_source, plan.File.Dialect, _table, missing.Line, Kept);
        }
        finally
        {
            if (batch is not null) await batch.DisposeAsync();
            if (_rejectFile is not null) await _rejectFile.DisposeAsync();
            await _again.DisposeAsync();
        }
        import.Explain?.Invoke(plan.Route switch
        {
            _ when _merged is not null => $"One INSERT … SELECT … ON CONFLICT moved the rows into {_table.Display}: "
                + $"{_merged} inserted or updated of {_committedRows}.",
            ImportRoute.Shard => $"Committed {_committedRows} rows: prepared on every node, "
                + "decided by one row of woodgrove.import_batch, then committed everywhere.",
            ImportRoute.Worker => $"Committed {_committedRows} rows: each node's part in a transaction of Citus's own, "
                + "with a row of woodgrove.import_part that says so.",
            _ => $"Committed {_committedRows} rows: Citus prepares them on every node that received some and then commits everywhere.",
        });
    }

    private bool IsBatchFull(PartialBatch? pending, long end) =>
        pending is null ? import.Checkpoint?.IsReached(_batchRows, end - _committedBytes) is true : end >= pending.EndByte;

    /// <summary>The block's records that are to be loaded: without the header, up to the line that ends the data.</summary>
    private (int From, int To, bool Ended) Records()
    {
        (int count, int to) = plan.DotEndsData ? EndOfData.Find(_reader) : (_reader.Count, _reader.Block.Length);
        bool ended = count < _reader.Count;
        if (ended) import.Warn?.Invoke(EndOfData.Warning(_source, _reader, to));
        return (plan.File.FirstRow(_reader), to, ended);
    }

    private long CountRecords(int from, int to)
    {
        if (from == 0 && to == _reader.Block.Length) return _reader.Count;
        long count = 0;
        for (; from < to; from = _reader.EndAfter(from)) count++;
        return count;
    }

    private void Unconverted(UnconvertedRecord record)
    {
        if (_rejects is null)
        {
            RefusedRow row = record.Row;
            throw new CitusException("CitusRowRefused", CitusErrorKind.InvalidData,
                $"{_source}, line {row.Line}{(row.Column is null ? "" : $", column {row.Column}, value \"{row.Value}\"")}: "
                    + $"{row.Reason.TrimEnd('.')}. (SQLSTATE {row.SqlState}) {Kept}",
                record.Advice ?? RefusedRowAdvice.Of(row.SqlState, plan.File.Dialect,
                    row.Column is { } column ? _table.FindColumn(column) : null, row.Value, null, row.Line)
                    ?? RefusedRowFinder.Advice(row.SqlState!, plan.File.Dialect)) { Target = _source.Name, SqlState = row.SqlState,
                        Row = row };
        }
        _rejects.Add(record.Bytes, record.Row);
    }

    /// <summary>Reads past what an earlier run has committed, and refuses a source that is no longer the same.</summary>
    private async Task SkipCommittedAsync(bool isRepeat, CancellationToken stop)
    {
        IReadOnlyList<ImportBatch> done = ledger is null ? [] : await ledger.BatchesAsync(stop);
        _isSkipping = _isInLedger = done.Count > 0;
        if (!_isInLedger) return;
        ImportBatch last = done[^1];
        _isComplete = last.IsLast;
        if (last.Table.Name == _table.Name.ToString()) CheckTable(last);
        if (_isComplete && !isRepeat)
        {
            throw new CitusException("CitusImportComplete", CitusErrorKind.ResourceExists,
                $"Import {last.ImportId} of {last.Source} is complete: {done.Sum(b => b.Rows)} rows.",
                "Leave -ImportId and -Resume out to load the file again, as another import.") { Target = last.ImportId };
        }
        CheckTable(last);
        int end = 0; // of what is committed, in the block
        while (_reader.BytesBefore + _reader.Block.Length < last.EndByte && await _reader.ReadAsync(stop))
        {
            end = (int)Math.Min(_reader.Block.Length, last.EndByte - _reader.BytesBefore);
            _fingerprint.Append(_reader.Block.Span[..end]);
        }
        // Batches end where blocks end, and blocks are cut alike every time; the last one may end before the line that ends the data.
        _isRead = end < _reader.Block.Length && plan.DotEndsData && EndOfData.Find(_reader).End == end;
        if (_reader.BytesBefore + end != last.EndByte || (end < _reader.Block.Length && !_isRead) || Fingerprint() != last.Fingerprint)
            throw SourceChanged(last.EndByte, done.Sum(b => b.Rows));
        (_number, _committedBytes) = (last.Number + 1, last.EndByte);
        (_committedRows, _committedRejects) = (done.Sum(b => b.Rows), done.Sum(b => b.Rejected));
        if (_isComplete && import.OnConflict != ConflictAction.Error)
            (_merged, _committedRows) = (_committedRows, _committedRows - last.Rows);
        if (_rejects is not null) _rejects.Earlier = _committedRejects;
        _isSkipping = false;
        import.Explain?.Invoke($"Resuming import {last.ImportId} after {_committedRows} rows, at byte {_committedBytes}.");
    }

    /// <summary>
    /// Refuses to continue in another table than the one that the import has loaded into, or one that is distributed in
    /// another way.
    /// </summary>
    private void CheckTable(ImportBatch last)
    {
        var now = TargetIdentity.Of(_table);
        if (last.Table.Name != now.Name)
        {
            throw new CitusException("CitusImportOfOtherTable", CitusErrorKind.InvalidArgument,
                $"Import {last.ImportId} loads into {last.Table.Name}, not into {now.Name}.",
                "Name that table, or another -ImportId.") { Target = last.ImportId };
        }
        if (last.Table != now) throw TableChanged(last, now);
    }

    internal static CitusException TableChanged(ImportBatch last, TargetIdentity now) =>
        new("CitusImportTableChanged", CitusErrorKind.InvalidOperation,
        $"{now.Name} is not the table that import {last.ImportId} has loaded {last.Source} into: it has since been recreated, "
            + "or altered by alter_distributed_table or undistribute_table "
        + $"(OID {last.Table.Oid}, {last.Table.Distribution}; now OID {now.Oid}, {now.Distribution}). "
        + "Which of the file's rows it holds is not known; nothing was loaded.",
        $"If it holds none of them, clear the import with Remove-CitusImport {last.ImportId} and load the file again; "
            + "otherwise remove the file's rows first.") { Target = last.ImportId };

    private async Task<IBatch> BeginAsync(PartialBatch? pending, CancellationToken stop)
    {
        bool truncate = import.Truncate && _committedBytes == 0 && plan.Staging is null;
        return plan.Route switch
        {
            ImportRoute.Shard => await ShardBatch.BeginAsync(plan.Shards!, ledger!, _number, truncate, _rejects, stop),
            ImportRoute.Worker => await WorkerBatch.BeginAsync(plan.Shards!, ledger!, _number, pending, stop),
            _ => await CoordinatorBatch.BeginAsync(plan.Connection, ledger, _target, truncate, _rejects, stop, level: level),
        };
    }

    private async Task CommitAsync(IBatch batch, long end, bool isLast, CancellationToken stop, bool atEnd = false)
    {
        await batch.FinishAsync(stop);
        IReadOnlyList<RejectedRecord> rejected = _rejects?.TakeBatch() ?? [];
        _rejects?.CheckShare(_committedRows + _committedRejects + _batchRows, atEnd);
        // Written before the commit: a rejected record is never lost, and a resumed import cuts off what was not committed.
        if (plan.File.Converter is not null && rejected.Count > 0 && (_rejectFile is not null || shown.Count < RejectsShown))
            rejected = await AsInSourceAsync(_again, rejected, stop);
        if (_rejectFile is not null) await _rejectFile.AppendAsync(rejected, stop);
        _batchRows -= rejected.Count;
        try
        {
            _inParts |= plan.Route == ImportRoute.Worker;
            await batch.CommitAsync(Row(end, isLast, rejected.Count), stop);
            _inParts = false;
        }
        catch (Exception e) when (PostgresErrors.IsNetwork(e))
        {
            _commitLost = true;
            throw;
        }
        await batch.DisposeAsync();
        shown.AddRange(rejected.Take(RejectsShown - shown.Count).Select(r => r.Row));
        (_committedRows, _committedRejects) = (_committedRows + _batchRows, _committedRejects + rejected.Count);
        (_committedBytes, _batchRows) = (end, 0);
        _number++;
    }

    /// <summary>Moves what was gathered beside the table into it, with the ledger's last row.</summary>
    private async Task MergeAsync(CancellationToken stop)
    {
        await using NpgsqlTransaction transaction = await ledger!.Session.BeginTransactionAsync(stop);
        await TableGuard.LockAsync(plan.Connection, ledger.Session, _table, stop);
        await SearchPath.ReleaseAsync(ledger.Session, stop, local: true); // for the table's triggers, constraints and defaults
        _merged = await plan.Staging!.MergeAsync(ledger.Session, RefusedByTarget, stop);
        IReadOnlyList<RejectedRecord> rejected = _rejects?.TakeBatch() ?? [];
        if (_rejectFile is not null && rejected.Count > 0)
        {
            await using var again = new SourceCursor(plan.File);
            await _rejectFile.AppendAsync(await AsInSourceAsync(again, rejected, stop), stop);
        }
        // Less those that gave way, so that the ledger's sum is what is in the table.
        await ledger.WriteAsync(Row(_committedBytes, isLast: true, rejected.Count) with { Rows = _merged.Value - _committedRows }, stop);
        _commitLost = true; // until the answer comes
        await transaction.CommitAsync(stop);
        _commitLost = false;
        shown.AddRange(rejected.Take(RejectsShown - shown.Count).Select(r => r.Row));
        (_committedRows, _committedRejects) = (_committedRows - rejected.Count, _committedRejects + rejected.Count);
    }

    /// <summary>Rejected records as they stand in the source, and their values.</summary>
    private async Task<IReadOnlyList<RejectedRecord>> AsInSourceAsync(SourceCursor again, IReadOnlyList<RejectedRecord> rejected,
        CancellationToken stop)
    {
        IReadOnlyList<RejectedRecord> found = await again.FindAsync(rejected, stop);
        if (found.Count < rejected.Count) return rejected; // the source is not what it was
        return [.. found.Select(r => plan.Columns.FirstOrDefault(c => c.Column.Name == r.Row.Column)?.Field is not { } field
            || r.Row.Value is null ? r
            : r with { Row = r.Row with { Value = SourceCursor.FieldOf(r.Bytes, field, plan.File.Dialect) ?? r.Row.Value } })];
    }

    /// <summary>A row of the staging table that the target table refuses.</summary>
    private void RefusedByTarget(long line, PostgresException refusal)
    {
        PostgresException told = WorkerRefusal.WithoutShards(refusal);
        string reason = told.MessageText.TrimEnd('.') + "." + (string.IsNullOrEmpty(told.Detail) ? "" : " " + told.Detail);
        Unconverted(new UnconvertedRecord(default,
            new RefusedRow(_source.Name, line, string.IsNullOrEmpty(told.ColumnName) ? null : told.ColumnName, null, told.SqlState,
                reason)));
    }

    private ImportBatch Row(long end, bool isLast, int rejected = 0) =>
        new(ledger?.ImportId ?? Guid.Empty, _number, TargetIdentity.Of(_table), _source.Name,
        plan.Route.ToString(), Fingerprint(), _committedBytes, end, _batchRows, rejected, isLast);

    private string Fingerprint() => $"xxh3:{_fingerprint.GetCurrentHashAsUInt64():x16}";

    private async Task<CitusException> ExplainAsync(RecordRefusedException refused, IBatch? batch, CancellationToken stop)
    {
        // The locks go first: the finder must not wait for its own load.
        if (batch is not null) await batch.DisposeAsync();
        var finder = new RefusedRowFinder(plan.Connection, plan.File, _target, _committedBytes, Kept);
        return await finder.ExplainAsync(refused, stop);
    }

    private CitusException SourceChanged(long end, long rows) => new("CitusSourceChanged", CitusErrorKind.InvalidData,
        $"{_source} is not what import {ledger!.ImportId} has loaded {rows} rows of: its first {end} bytes differ.",
        "Restore the file and resume, or load it as a new import after removing those rows.") { Target = _source.Name };

    private CitusException NoRows() => new("CitusCsvNoRows", CitusErrorKind.InvalidData,
        $"{_source} has a header and no rows.", "Check how the file was written; if its first line holds data, use -NoHeader.")
            { Target = _source.Name };
}
