using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Comparison;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Export;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// A run of a copy: its source as of one instant, and its attempts. What may pass is tried again as imports are, from the last
/// committed part and, while the source's sessions live, in their snapshot.
/// </summary>
internal sealed class CopyRun(ClusterCopy copy, IReadOnlyList<TablePlan> plans) : IAsyncDisposable
{
    private CitusConnection _from = copy.From, _to = copy.To;
    private CopySource? _source;
    private IReadOnlyList<ImportRepair> _pending = [];
    private bool _hasCopied, _isMixed; // of this run: some rows; of several instants

    /// <summary>Opens the source, and ends what interrupted loads left prepared on the target's nodes.</summary>
    public async Task OpenAsync(CancellationToken stop)
    {
        await RecoverAsync(everywhere: false, stop);
        await OpenSourceAsync(stop);
        Tell(_source!);
    }

    /// <summary>Copies a table.</summary>
    public async Task<CopyResult> CopyAsync(TablePlan plan, Guid copyId, CancellationToken stop)
    {
        (Guid importId, ResumedSource? resumed) = await FindImportAsync(plan, copyId, stop);
        var clock = Stopwatch.StartNew();
        TableTransfer? attempt = null;
        bool gotFurther = false;
        var retries = Retries.After(e => PostgresErrors.MayPass(e) && !gotFurther, copy.Warn);
        while (true)
        {
            try
            {
                CopyResult result = await retries.ExecuteAsync(async again =>
                {
                    gotFurther = false;
                    if (attempt is not null) await RenewAsync(again);
                    if (_pending.FirstOrDefault(p => p.ImportId == importId) is { } own) throw CopyErrors.Pending(importId, own.ToString());
                    if (attempt is not null && resumed is not null) resumed = resumed with { Known = null };
                    attempt = new TableTransfer(copy, _from, _to, plan, _source!, importId, resumed, attempt?.Earlier);
                    try
                    {
                        return await attempt.RunAsync(again);
                    }
                    finally
                    {
                        gotFurther = attempt.GotFurther;
                        _hasCopied |= gotFurther;
                    }
                }, stop);
                return result with { Duration = clock.Elapsed, IsSnapshot = result.IsSnapshot && !_isMixed };
            }
            catch (CitusException e) when (e.MayPass && gotFurther && !stop.IsCancellationRequested)
            {
                copy.Warn?.Invoke($"{e.What} Going on after the last committed part.");
            }
            catch (NpgsqlException e) when (attempt is not null && !stop.IsCancellationRequested)
            {
                throw attempt.Explained(e); // no other attempt began
            }
        }
    }

    /// <summary>Makes a table's foreign keys, and compares it, once all tables have their rows.</summary>
    public async Task<CopyResult> CompleteAsync(TablePlan plan, CopyResult result, CancellationToken stop)
    {
        TimeSpan? duration = await Retries.After(PostgresErrors.MayPass, copy.Warn).ExecuteAsync(async again =>
            await DeferredIndexes.RestoreAsync(_to, result.Table, result.ImportId!.Value, keys: true, copy.Explain, again), stop);
        return result with
        {
            IndexDuration = duration is null ? result.IndexDuration : (result.IndexDuration ?? default) + duration,
            Comparison = copy.Verify ? await CompareAsync(plan, stop) : null,
        };
    }

    public Task<bool> WaitsAsync(CopyResult result, CancellationToken stop) =>
        copy.Verify ? Task.FromResult(true) : DeferredIndexes.HasKeysAsync(_to, result.ImportId!.Value, stop);

    public async ValueTask DisposeAsync()
    {
        if (_source is not null) await _source.DisposeAsync();
    }

    private async Task<TableComparison> CompareAsync(TablePlan plan, CancellationToken stop)
    {
        (ComparedTable copied, ComparedTable into) = await ComparedTable.FindAsync(_from, plan.Source.Name, _to, stop);
        await using ComparedRows rows = _source!.RowsOf(copied),
            target = await ComparedRows.OpenAsync(into, SessionLimit.InAll(copy.Parallel), stop);
        return await new TableComparer(_from, _to) { Explain = copy.Explain }.CompareAsync(rows, target, stop);
    }

    /// <summary>The import of a table that is to be continued, or begun.</summary>
    private async Task<(Guid ImportId, ResumedSource? Resumed)> FindImportAsync(TablePlan plan, Guid copyId, CancellationToken stop)
    {
        Guid own = CopyId.Of(copyId, plan.Target.Name);
        if (!copy.Resume || copy.ImportId is not null) return (own, null);
        await using NpgsqlConnection session = await _to.OpenSessionAsync(stop);
        // The fingerprint finds a source that is reached by another address now.
        string fingerprint = plan.Fingerprint(_source!.ShardsOf(plan.Source));
        var source = new ResumedSource(plan.Target.Name.ToString(), plan.SourceName, fingerprint, fingerprint);
        source = source with { Known = await source.FindAsync(session, stop) };
        if (source.Known is [{ } latest, ..]) return (latest.ImportId, source);
        if (await session.ScalarAsync<int?>($"SELECT 1 FROM {plan.Target.Name.Sql} LIMIT 1", stop) is not null)
            copy.Warn?.Invoke(CopyErrors.NothingToResume(plan.Target.Display, plan.SourceName));
        return (own, source);
    }

    /// <summary>Before a new attempt: what the one before has prepared is ended, and a source that was lost is opened again.</summary>
    private async Task RenewAsync(CancellationToken stop)
    {
        await RecoverAsync(everywhere: true, stop);
        if (await _source!.IsIntactAsync(stop)) return;
        await _source.DisposeAsync();
        await OpenSourceAsync(stop);
        _isMixed |= _hasCopied;
        copy.Warn?.Invoke(CopyErrors.SourceReopened(_hasCopied));
    }

    private async Task OpenSourceAsync(CancellationToken stop)
    {
        _from = await copy.From.AtCoordinatorAsync(stop);
        _source = copy.Query is not null
            ? await CopySource.OpenCoordinatorAsync(_from, _from.CitusVersion is null, null, stop)
            : await CopySource.OpenAsync(_from, [.. plans.Select(p => p.Source)],
                copy.Verify ? copy.Parallel : plans.Max(p => p.Parallel), stop);
    }

    private async Task RecoverAsync(bool everywhere, CancellationToken stop)
    {
        _to = await copy.To.AtCoordinatorAsync(stop);
        var recovery = new ImportRecovery(_to, step =>
        {
            copy.Explain?.Invoke(step.ToString());
            return default;
        });
        await recovery.RunAsync(null, everywhere, stop);
        _pending = recovery.Pending;
    }

    private void Tell(CopySource source)
    {
        if (source.Obstacle is { } obstacle)
            copy.Warn?.Invoke($"The source is read through its coordinator, because {obstacle}.");
        if (!source.IsSnapshot)
            copy.Warn?.Invoke("The rows are not all of one instant: what is written meanwhile may be copied for one shard and not for "
                + "another.");
        else if (plans.Count > 0)
            copy.Explain?.Invoke($"All rows are of one instant of the source{(source.Extent is { } extent ? $" ({extent})" : "")}, "
                + $"for which writers waited {source.WritersWaited.TotalMilliseconds:0} ms.");
    }
}
