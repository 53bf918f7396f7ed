using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Export;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// An attempt to copy one table, as an import whose batches are the source's shards: each is committed by itself, in any order,
/// and a last batch without rows says that the table is complete.
/// </summary>
/// <param name="resumed">With -Resume: what keeps others from copying the source into the table meanwhile.</param>
/// <param name="earlier">What earlier runs have committed, which the run's first attempt has read; null in that.</param>
internal sealed class TableTransfer(ClusterCopy copy, CitusConnection from, CitusConnection to, TablePlan plan, CopySource source,
    Guid importId, ResumedSource? resumed, (int Parts, long Rows, long Bytes)? earlier)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly IReadOnlyList<SnapshotShard> _shards = source.ShardsOf(plan.Source);
    private readonly string _table = plan.Target.Display, _fingerprint = plan.Fingerprint(source.ShardsOf(plan.Source));
    private readonly ShardRoute _route = new(to, null, plan.Rows);
    private long _rows, _bytes; // of this run
    private long _committedRows;
    private int _done, _doneBefore;

    private bool IsToShards => plan.Method is CopyMethod.Pipe or CopyMethod.Split;

    /// <summary>What earlier runs have committed; null where the ledger was not read.</summary>
    public (int Parts, long Rows, long Bytes)? Earlier { get; private set; } = earlier;

    /// <summary>Whether it has committed a part.</summary>
    public bool GotFurther => _done > _doneBefore;

    /// <summary>Copies the parts that the ledger does not have.</summary>
    /// <exception cref="CitusException">It says what is in the target, and whether a new attempt is worth it.</exception>
    public async Task<CopyResult> RunAsync(CancellationToken stop)
    {
        try
        {
            await using NpgsqlConnection session = await to.OpenSessionAsync(stop);
            ImportLedger opened = await ImportLedger.OpenAsync(to, importId, stop, resumed);
            await using var ledger = new CopyLedger(opened);
            IReadOnlyList<ImportBatch> before = await ledger.BeginAsync(stop);
            Check(opened, before);
            await DeferredIndexes.RequireOwnAsync(session, importId, _table, stop);
            return await RunAsync(session, ledger, before, stop);
        }
        catch (Exception e) when (stop.IsCancellationRequested)
        {
            throw new OperationCanceledException(null, e, stop);
        }
        catch (Exception e) when (e is not CitusException)
        {
            throw Explained(e);
        }
    }

    private async Task<CopyResult> RunAsync(NpgsqlConnection session, CopyLedger ledger, IReadOnlyList<ImportBatch> before,
        CancellationToken stop)
    {
        bool isFirst = Earlier is null;
        (_done, _committedRows) = (before.Count(b => !b.IsLast), before.Sum(b => b.Rows));
        _doneBefore = _done;
        (int Parts, long Rows, long Bytes) first = Earlier ??= (_done, _committedRows, ledger.Bytes);
        (_rows, _bytes) = (_committedRows - first.Rows, ledger.Bytes - first.Bytes);
        if (isFirst) copy.Explain?.Invoke($"{_table}: {plan.Reason}");
        TimeSpan? indexes = null;
        int sequences = 0;
        if (!before.Any(b => b.IsLast))
        {
            if (isFirst && plan.Triggers.Count > 0) copy.Warn?.Invoke(CopyErrors.TriggersFire(plan));
            if (isFirst && _done > 0) copy.Warn?.Invoke(CopyErrors.PartsOfEarlierRun(_table, _done, _shards.Count));
            await new RunningLoad(plan.Target.Name.ToString(), plan.SourceName, plan.Method.ToString()).ShowAsync(session, importId, stop);
            try
            {
                if (copy.DeferIndexes && (isFirst || _done == 0)
                    && await DeferredIndexes.DropAsync(session, plan.Target, importId, plan.Rule is not null, stop) is { } obstacle)
                    copy.Warn?.Invoke($"{_table}: no index or foreign key is deferred, because {obstacle}.");
                await CopyAsync(ledger, before, stop);
                indexes = await DeferredIndexes.RestoreAsync(to, _table, importId, keys: false, copy.Explain, stop);
                sequences = await SetSequencesAsync(session, stop);
                await ledger.WriteAsync(Row(_shards.Count, 0, 0) with { IsLast = true }, stop);
            }
            catch (CitusException e)
            {
                throw Explained(e);
            }
            finally
            {
                await RunningLoad.HideAsync(session);
            }
        }
        return new CopyResult(_table, plan.Method, _rows, _bytes, _clock.Elapsed, _shards.Count, first.Parts, first.Rows, importId)
        {
            Reason = plan.Reason, IsSnapshot = source.IsSnapshot && first.Parts == 0, Sequences = sequences, IndexDuration = indexes,
        };
    }

    /// <summary>Refuses to continue where parts that are committed may not be those that this run would leave out.</summary>
    private void Check(ImportLedger ledger, IReadOnlyList<ImportBatch> before)
    {
        if (before.Count == 0) return;
        long rows = before.Sum(b => b.Rows);
        if (before[0].Table != TargetIdentity.Of(plan.Target)) throw CopyErrors.TableChanged(ledger.ImportId, _table);
        if (before.Any(b => b.IsLast)) return;
        if (before.Any(b => b.Fingerprint != _fingerprint))
            throw CopyErrors.SourceChanged(ledger.ImportId, _table, rows, $"it has {_shards.Count} parts now");
        if (before.Any(b => ledger.Timeline.MayLack(b.Attempt))) throw CopyErrors.MayLackParts(ledger.ImportId, _table, rows);
    }

    private async Task CopyAsync(CopyLedger ledger, IReadOnlyList<ImportBatch> before, CancellationToken stop)
    {
        if (!plan.IsBinary) await ledger.Session.Session.ExecuteAsync("SET IntervalStyle = postgres; SET xmloption = content", stop);
        HashSet<int> done = [.. before.Select(b => b.Number)];
        List<(SnapshotShard Shard, int Number)> left = [.. _shards.Select((shard, number) => (shard, number))
            .Where(p => !done.Contains(p.number))];
        using var gate = new SemaphoreSlim(plan.Parallel);
        Dictionary<SnapshotShard, int> numbers = left.ToDictionary(p => p.Shard, p => p.Number);
        await source.ReadAsync(left.Select(p => p.Shard), async (session, shard, all) =>
        {
            await gate.WaitAsync(all);
            try
            {
                await CopyPartAsync(ledger, session, shard, numbers[shard], all);
            }
            finally
            {
                gate.Release();
            }
        }, stop);
    }

    private async Task CopyPartAsync(CopyLedger ledger, NpgsqlConnection session, SnapshotShard shard, int number, CancellationToken stop)
    {
        (long rows, long bytes) = (0, 0);
        await using ICopyPart part = IsToShards
            ? await ShardPart.BeginAsync(_route, ledger, number, plan.HashesAlike ? shard.HashMin ?? int.MinValue : int.MinValue,
                plan.HashesAlike ? shard.HashMax ?? int.MaxValue : int.MaxValue, stop)
            : await CoordinatorPart.BeginAsync(to, ledger, plan.Rows, plan.Rule, plan.IsBinary, stop);
        await CopySource.ReadPartAsync(session, async () =>
        {
            NpgsqlRawCopyStream rowsOut = await OpenAsync(session, plan.CopyOut(shard.Name), stop);
            try
            {
                await part.CopyAsync(rowsOut, Copied, stop);
            }
            catch
            {
                await ServerCancellation.EndAsync(from, shard.Node, session, rowsOut);
                throw;
            }
            await rowsOut.DisposeAsync();
        }, stop);
        long loaded = part.Moved ?? rows;
        await part.CommitAsync(Row(number, loaded, bytes), stop);
        Interlocked.Add(ref _committedRows, loaded);
        Interlocked.Add(ref _rows, loaded - rows);
        Interlocked.Increment(ref _done);
        Report();

        void Copied(int moreRows, int moreBytes)
        {
            (rows, bytes) = (rows + moreRows, bytes + moreBytes);
            Interlocked.Add(ref _rows, moreRows);
            Interlocked.Add(ref _bytes, moreBytes);
            Report();
        }
    }

    /// <remarks>
    /// The beginning of a COPY is not cancelled by the token: Npgsql would break the connection, and the snapshot of the source would
    /// be lost where only another part has failed. Ctrl+C cancels it on the server.
    /// </remarks>
    private async Task<NpgsqlRawCopyStream> OpenAsync(NpgsqlConnection session, string command, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        if (plan.IsBinary) return await session.BeginRawBinaryCopyAsync(command, CancellationToken.None);
        await session.ExecuteAsync($"{plan.SourceSettings}; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = postgres; "
            + "SET LOCAL extra_float_digits = 3", stop);
        return (NpgsqlRawCopyStream)((StreamReader)await session.BeginTextExportAsync(command, CancellationToken.None)).BaseStream;
    }

    private ImportBatch Row(int number, long rows, long bytes) => new(importId, number, TargetIdentity.Of(plan.Target), plan.SourceName,
        plan.Method.ToString(), _fingerprint, 0, bytes, rows, 0, IsLast: false);

    private void Report() =>
        copy.Progress?.Invoke(new CopyProgress(_table, Interlocked.Read(ref _rows), Interlocked.Read(ref _bytes), _done,
        _shards.Count, _clock.Elapsed));

    private async Task<int> SetSequencesAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using NpgsqlConnection read = await from.OpenSessionAsync(stop);
        return await SequenceCopy.RunAsync(read, plan.Query is null ? plan.Source : null, session, plan.Target, plan.Match.Columns, stop);
    }

    /// <summary>A failure, with what is in the target.</summary>
    public CitusException Explained(Exception failure)
    {
        bool mayPass = PostgresErrors.MayPass(failure) && !(failure is PostgresException server && PostgresErrors.IsWorkerRefusal(server));
        string state = CopyErrors.State(_table, _shards.Count, _done, Interlocked.Read(ref _committedRows), importId) + (copy.DeferIndexes
            ? $" Indexes and foreign keys that were dropped are kept in woodgrove.{DeferredDefinition.Table}, "
                + "and recreated at its end." : "");
        var refused = failure as RecordRefusedException;
        if (refused is not null) failure = refused.Refusal;
        if (failure is CitusException own) return own.WithState(state);
        CitusException known = PostgresErrors.Describe(failure, _table);
        return CopyErrors.Interrupted(known, $"{_table}: {plan.Rows.Readable(known.What, refused?.Shard)} {state}",
            refused is null ? CopyErrors.Advice(known) : CopyErrors.RefusedAdvice(known.SqlState), refused is null && mayPass);
    }
}
