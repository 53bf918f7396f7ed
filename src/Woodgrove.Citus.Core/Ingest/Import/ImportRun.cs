using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>Reads a file's blocks and gives them to batches, each committed with its row of the ledger.</summary>
/// <param name="state">What the attempt before has left.</param>
/// <param name="done">The batches that the ledger holds of the import.</param>
/// <param name="shown">The first refused records of all attempts.</param>
internal sealed class ImportRun(CsvImport import, ImportPlan plan, ImportLedger? ledger, AttemptState state,
    IReadOnlyList<ImportBatch> done, List<RefusedRow> shown) : IAsyncDisposable
{
    private readonly TableInfo _table = plan.Table;
    private readonly CopyTarget _target = plan.Staging?.Rows ?? plan.Target;
    private readonly SourceCursor _source = plan.Source;
    private readonly RejectOutput? _rejects = import.SkipErrors ? new RejectOutput(plan.File,
        new RejectList(plan.File.Source, plan.Staging?.Rows ?? plan.Target, import.MaxErrors),
        plan.Columns.Where(c => c.Field is not null).ToDictionary(c => c.Column.Name, c => c.Field!.Value), import.RejectPath, shown)
        : null;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _rows; // records of the open batch, including rejected ones

    /// <summary>How far the import is.</summary>
    public AttemptState State { get; private set; } =
        state with { Route = plan.Route, ImportId = ledger?.ImportId, IsStaged = plan.Staging is not null };

    /// <summary>True where the ledger says that all of the source is in the table.</summary>
    public bool IsComplete => State.Phase == ImportPhase.Complete || (done.Count > 0 && done[^1].IsLast);

    private ImportPosition Position => State.Position;

    /// <summary>The batch to load next, where an earlier run left it in parts.</summary>
    private PartialBatch? Pending => plan.Pending?.Number == Position.Batch ? plan.Pending : null;

    /// <param name="isRepeat">True after another attempt, whose last commit may have succeeded.</param>
    /// <returns>
    /// False where a worker refused a row of the open batch, which is rolled back and has to be loaded again with its rows
    /// validated: <see cref="AttemptState.Level"/> says how far.
    /// </returns>
    public async Task<bool> RunAsync(bool isRepeat, CancellationToken stop)
    {
        await ResumeAsync(isRepeat, stop);
        if (plan.Pending is not null) State = State with { Outcome = CommitOutcome.Partial };
        if (plan.Route == ImportRoute.Worker && Position.Batch == 0)
        {
            // Parts are committed before their batch is in the ledger, so the import must be known before.
            await ledger!.WriteAsync(Row(isLast: false), stop);
            State = State with { Position = Position with { Batch = 1 } };
        }
        if (State.Phase == ImportPhase.Loading && !await LoadAsync(stop)) return false;
        if (State.Phase == ImportPhase.Merging) await MergeAsync(stop);
        if (plan.Route == ImportRoute.Worker) await PartialBatch.ForgetAsync(ledger!.Session, ledger.ImportId, null, stop);
        import.Explain?.Invoke(plan.Route switch
        {
            _ when State.Merged is { } merged => $"One INSERT … SELECT … ON CONFLICT moved the rows into {_table.Display}: "
                + $"{merged} inserted or updated of {Position.Rows}.",
            ImportRoute.Shard => $"Committed {Position.Rows} rows: prepared on every node, "
                + "decided by one row of woodgrove.import_batch, then committed everywhere.",
            ImportRoute.Worker => $"Committed {Position.Rows} rows: each node's part in a transaction of Citus's own, "
                + "with a row of woodgrove.import_part that says so.",
            _ => $"Committed {Position.Rows} rows: Citus prepares them on every node that received some and then commits everywhere.",
        });
        return true;
    }

    /// <summary>What the load did, once it has run.</summary>
    public ImportResult Result()
    {
        ImportPosition start = State.Start!.Value;
        return new ImportResult(_table.Display, plan.File.Source.Name, State.Merged ?? Position.Rows - start.Rows, _source.Input.BytesRead,
            TimeSpan.Zero, 0, plan.Route, plan.Reason, ledger?.ImportId, Position.Rejected - start.Rejected,
            [.. shown.OrderBy(r => r.Line)])
        { Conflicts = State.Merged is { } merged ? Position.Rows - merged : 0 };
    }

    public async ValueTask DisposeAsync()
    {
        if (_rejects is not null) await _rejects.DisposeAsync();
    }

    /// <summary>Reads past what earlier runs have committed, and refuses a source that is no longer the same.</summary>
    private async Task ResumeAsync(bool isRepeat, CancellationToken stop)
    {
        ImportPosition position = ImportPosition.Beginning;
        ImportBatch? last = done.Count > 0 ? done[^1] : null;
        if (last is not null)
        {
            long rows = done.Sum(b => b.Rows);
            if (plan.Staging is null || last.IsLast) import.Filled?.Invoke();
            Check(last, rows, isRepeat);
            if (!await _source.SkipToAsync(last.EndByte, last.Fingerprint, stop)) throw SourceChanged(last.EndByte, rows);
            position = new ImportPosition(last.Number + 1, last.EndByte, last.Fingerprint, rows, done.Sum(b => b.Rejected));
            if (last.IsLast && import.OnConflict != ConflictAction.Error)
            {
                State = State with { Merged = rows };
                position = position with { Rows = rows - last.Rows };
            }
            if (_rejects is not null) _rejects.List.Earlier = position.Rejected;
            import.Explain?.Invoke($"Resuming import {last.ImportId} after {position.Rows} rows, at byte {position.EndByte}.");
        }
        State = State with
        {
            Phase = last is { IsLast: true } ? ImportPhase.Complete : ImportPhase.Loading,
            Outcome = last is null ? CommitOutcome.None : CommitOutcome.Committed,
            Position = position,
            Start = State.Start ?? position,
        };
    }

    /// <summary>
    /// Refuses to continue an import that is complete, or in another table than the one that it has loaded into, or in one
    /// that is distributed in another way.
    /// </summary>
    private void Check(ImportBatch last, long rows, bool isRepeat)
    {
        TargetIdentity now = TargetIdentity.Of(_table) with { Staging = last.Table.Staging }; // which is known to be there
        if (last.Table.Name == now.Name && last.Table != now) throw ImportErrors.TableChanged(last, now);
        if (last.IsLast && !isRepeat) throw ImportErrors.Complete(last, rows);
        if (last.Table.Name != now.Name) throw ImportErrors.OtherTable(last, now);
    }

    /// <summary>Loads what is left of the source.</summary>
    /// <returns>False where the open batch has to be validated.</returns>
    private async Task<bool> LoadAsync(CancellationToken stop)
    {
        IBatch? batch = null;
        try
        {
            while (await _source.ReadAsync(stop))
            {
                if (_source.IsCutOff) import.Warn?.Invoke(EndOfData.Warning(plan.File.Source, _source.Block, _source.To));
                (RecordBlock rows, int from, int to) = _source.Rows(Refuse);
                if (_rejects is not null) await _rejects.OpenAsync(_source, Position.Rejected, stop);
                if (_source.RowCount > 0) batch ??= await BeginAsync(stop);
                if (to > from) await batch!.WriteAsync(rows, from, to, stop);
                _rows += _source.RowCount;
                import.Progress?.Invoke(new ImportProgress(plan.File.Source.Name, Position.Rows + _rows, _source.Input.BytesRead,
                    _source.Input.Length, _clock.Elapsed));
                if (batch is null || !IsBatchFull()) continue;
                if (Pending is { } pending && pending.Fingerprint != _source.Fingerprint)
                    throw SourceChanged(pending.EndByte, Position.Rows);
                await CommitAsync(batch, isLast: false, stop);
                batch = null;
            }
            await EndAsync(batch, stop);
            return true;
        }
        catch (RecordRefusedException refused) when (NeedsValidation(refused))
        {
            State = State with { Level = State.Level < ValidationLevel.Keys ? ValidationLevel.Keys : ValidationLevel.Workers };
            import.Explain?.Invoke($"A worker refused a row ({refused.Message}). The batch is retried "
                + "after all rows were validated on the coordinator and their keys compared with the table's"
                + (State.Level == ValidationLevel.Workers ? ", and the rows tried on the workers, in transactions that are rolled back."
                    : "."));
            return false;
        }
        catch (RecordRefusedException refused)
        {
            // The locks go first: the finder must not wait for its own load.
            if (batch is not null) await batch.DisposeAsync();
            throw await new RefusedRowFinder(plan.Connection, plan.File, _target, Position.EndByte).ExplainAsync(refused, stop);
        }
        finally
        {
            if (batch is not null) await batch.DisposeAsync();
        }
    }

    private async Task<IBatch> BeginAsync(CancellationToken stop)
    {
        bool truncate = EmptiesTable;
        return plan.Route switch
        {
            ImportRoute.Shard => await ShardBatch.BeginAsync(plan.Shards!, ledger!, Position.Batch, truncate, _rejects?.List, stop),
            ImportRoute.Worker => await WorkerBatch.BeginAsync(plan.Shards!, ledger!, Position.Batch, Pending, stop),
            _ => await CoordinatorBatch.BeginAsync(plan.Connection, ledger, _target, truncate, _rejects?.List, stop, level: State.Level),
        };
    }

    /// <summary>Whether the open batch empties the table first.</summary>
    private bool EmptiesTable => import.Truncate && Position.EndByte == 0 && plan.Staging is null;

    private bool IsBatchFull() => Pending is { } pending ? _source.End >= pending.EndByte
        : import.Checkpoint?.IsReached(_rows, _source.End - Position.EndByte) is true;

    /// <summary>Commits the last batch, if one is open, and notes that the source has ended.</summary>
    private async Task EndAsync(IBatch? batch, CancellationToken stop)
    {
        long records = Position.Rows + Position.Rejected + _rows;
        if (records == 0) throw ImportErrors.NoRows(plan.File.Source);
        bool isLast = plan.Staging is null;
        if (Pending is { } pending) throw SourceChanged(pending.EndByte, Position.Rows);
        if (batch is not null) await CommitAsync(batch, isLast, stop, atEnd: true);
        else
        {
            _rejects?.List.CheckShare(records, atEnd: true);
            if (isLast && ledger is not null) await ledger.WriteAsync(Row(isLast: true), stop);
        }
        State = State with { Phase = isLast ? ImportPhase.Complete : ImportPhase.Merging };
    }

    private async Task CommitAsync(IBatch batch, bool isLast, CancellationToken stop, bool atEnd = false)
    {
        await batch.FinishAsync(stop);
        _rejects?.List.CheckShare(Position.Rows + Position.Rejected + _rows, atEnd);
        // Written before the commit: a rejected record is never lost, and a resumed import cuts off what was not committed.
        IReadOnlyList<RejectedRecord> rejected = _rejects is null ? [] : await _rejects.TakeAsync(stop);
        ImportBatch row = Row(isLast, rejected.Count);
        if (plan.Route == ImportRoute.Worker) State = State with { Outcome = CommitOutcome.Partial };
        await CommitAsync(batch.CommitAsync(row, stop));
        State = State with { Position = Position.After(row) };
        _rows = 0;
        _rejects?.Show(rejected);
        await batch.DisposeAsync();
    }

    private async Task CommitAsync(Task commit)
    {
        try
        {
            await commit;
        }
        catch (Exception e) when (PostgresErrors.IsNetwork(e) && State.Outcome != CommitOutcome.Partial)
        {
            State = State with { Outcome = CommitOutcome.Unknown };
            Fill();
            throw;
        }
        State = State with { Outcome = CommitOutcome.Committed };
        Fill();

        void Fill()
        {
            if (plan.Staging is null || State.Phase == ImportPhase.Merging) import.Filled?.Invoke();
        }
    }

    /// <summary>
    /// True where a worker refused a row of a batch that the coordinator sent it, and refused rows are rejected: the message
    /// does not name the row, so all rows are validated first.
    /// </summary>
    private bool NeedsValidation(RecordRefusedException refused) => _rejects is not null && plan.Route == ImportRoute.Coordinator
        && State.Level < ValidationLevel.Workers && PostgresErrors.IsWorkerRefusal(refused.Refusal);

    /// <summary>Moves what was gathered beside the table into it, with the ledger's last row.</summary>
    private async Task MergeAsync(CancellationToken stop)
    {
        await using NpgsqlTransaction transaction = await ledger!.Session.BeginTransactionAsync(stop);
        await TableGuard.LockAsync(plan.Connection, ledger.Session, _table, stop);
        await SearchPath.ReleaseAsync(ledger.Session, stop, local: true); // for the table's triggers, constraints and defaults
        long merged = await plan.Staging!.MergeAsync(ledger.Session, RefusedByTarget, stop);
        IReadOnlyList<RejectedRecord> rejected = _rejects is null ? [] : await _rejects.TakeAsync(stop);
        // Less those that gave way, so that the ledger's sum is what is in the table.
        await ledger.WriteAsync(Row(isLast: true, rejected.Count) with { Rows = merged - Position.Rows,
            Empties = import.Truncate && plan.ForgetsOthers }, stop);
        await CommitAsync(transaction.CommitAsync(stop));
        State = State with
        {
            Phase = ImportPhase.Complete,
            Merged = merged,
            Position = Position with { Rows = Position.Rows - rejected.Count, Rejected = Position.Rejected + rejected.Count },
        };
        _rejects?.Show(rejected);
    }

    /// <summary>Rejects a record that no server would take, or that can't be converted; or ends the load.</summary>
    private void Refuse(UnconvertedRecord record)
    {
        if (_rejects is not null)
        {
            _rejects.List.Add(record.Bytes, record.Row);
            return;
        }
        RefusedRow row = record.Row;
        TableColumn? column = row.Column is null ? null : _table.FindColumn(row.Column);
        throw RejectErrors.RowRefused(row, record.Advice
            ?? RefusedRowAdvice.Of(row.SqlState, plan.File.Dialect, column, row.Value, null, row.Line)
            ?? RejectErrors.Advice(row.SqlState!, plan.File.Dialect));
    }

    /// <summary>Rejects a row of the staging table that the target table refuses.</summary>
    private void RefusedByTarget(long line, PostgresException refusal)
    {
        PostgresException told = WorkerRefusal.WithoutShards(_table, refusal);
        string reason = told.MessageText.TrimEnd('.') + "." + (string.IsNullOrEmpty(told.Detail) ? "" : " " + told.Detail);
        string? column = string.IsNullOrEmpty(told.ColumnName) ? null : told.ColumnName;
        Refuse(new UnconvertedRecord(default, new RefusedRow(plan.File.Source.Name, line, column, null, told.SqlState, reason)));
    }

    /// <summary>The ledger's row of the open batch, which ends where the source has been read to.</summary>
    private ImportBatch Row(bool isLast, int rejected = 0) => new(ledger?.ImportId ?? Guid.Empty, Position.Batch,
        TargetIdentity.Of(_table) with { Staging = isLast ? null : plan.Staging?.Rows.Table.Oid },
        plan.File.Source.Name, plan.Route.ToString(), _source.Fingerprint, Position.EndByte, _source.End, _rows - rejected, rejected, isLast)
        { Empties = EmptiesTable && plan.ForgetsOthers };

    private CitusException SourceChanged(long end, long rows) =>
        ImportErrors.SourceChanged(plan.File.Source, ledger!.ImportId, end, rows);
}
