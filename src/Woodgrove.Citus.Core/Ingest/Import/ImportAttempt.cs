using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>
/// One attempt at an import: plans it, ends what earlier runs have left prepared, and loads what is missing. With a ledger, an
/// interrupted attempt is retried from its last committed batch, and each row is loaded exactly once.
/// </summary>
/// <param name="import">The import, by way of the coordinator.</param>
/// <param name="state">How far the import is before this attempt.</param>
/// <param name="isRepeat">True after another attempt, whose last commit may have succeeded.</param>
/// <param name="noLedger">Why the coordinator, which would keep the ledger, can't be reached, or null.</param>
internal sealed class ImportAttempt(CsvImport import, Guid importId, AttemptState state, bool isRepeat, ImportAttempts attempts,
    List<RefusedRow> shown, CitusException? noLedger)
{
    private ImportLedger? _ledger;

    private AttemptState State => state;

    /// <param name="previous">What the attempt before has left; null for the first.</param>
    /// <param name="shown">The first refused records of all attempts.</param>
    /// <exception cref="CitusException">The file or the table is at fault.</exception>
    public static async Task<AttemptEnd> RunAsync(CsvImport import, AttemptState? previous, ImportAttempts attempts,
        List<RefusedRow> shown, CancellationToken stop)
    {
        ImportAttempt? attempt = null;
        AttemptState state = previous ?? StateBefore(import);
        bool keepLedger = import.NeedsLedger || state.ImportId is not null;
        try
        {
            (CitusConnection coordinator, CitusException? noLedger) = await import.ConnectAsync(keepLedger, stop);
            import = import with { Connection = coordinator };
            Guid? resumed = null;
            if (import.Resume && state.ImportId is null) (resumed, attempts.Source) = await ResumableImport.FindAsync(import, stop);
            Guid importId = state.ImportId ?? resumed ?? Guid.NewGuid();
            if (keepLedger) state = state with { ImportId = importId };
            attempt = new ImportAttempt(import, importId, state, isRepeat: previous is not null, attempts, shown, noLedger);
            return await attempt.RunAsync(keepLedger, stop);
        }
        catch (Exception e) when ((e is not CitusException && PostgresErrors.IsTransient(e))
            || (previous is not null && PostgresErrors.MayPass(e)))
        {
            // Before anything was sent in this attempt.
            state = attempt?.State ?? state;
            return new AttemptEnd.Interrupted(state, ImportErrors.Interrupted(import.Source, state, e), MayRetry: true, GotFurther: false);
        }
    }

    /// <summary>What is known before the ledger is read.</summary>
    private static AttemptState StateBefore(CsvImport import) => new(import.Table.ToString())
    {
        Phase = import.ImportId is not null || import.Resume ? ImportPhase.Resuming : ImportPhase.Loading,
        ImportId = import.ImportId,
    };

    /// <param name="keepLedger">The import is in the ledger whatever the route.</param>
    private async Task<AttemptEnd> RunAsync(bool keepLedger, CancellationToken stop)
    {
        await using NpgsqlConnection session = await import.Connection.OpenSessionAsync(stop);
        ImportPlan plan = await OpenPlanAsync(session, stop);
        try
        {
            ConflictRule? rule = import.OnConflict == ConflictAction.Error ? null
                : await ConflictRule.FindAsync(session, plan.Table, import.OnConflict, import.KeyColumns, stop);
            if (keepLedger) await LedgerSchema.RequireAsync(session, withParts: false, stop);
            if (import.Truncate)
            {
                plan = plan with { ForgetsOthers = await EmptiedTable.CheckAsync(session, plan.Table.Name.ToString(), importId,
                    isRepeat ? null : import.Warn, stop) };
            }
            if (keepLedger && await PartialBatch.ExistsAsync(session, stop))
                plan = plan with { Pending = await PartialBatch.FindAsync(session, importId, stop) };
            if (rule is null && keepLedger) await Staging.RefuseLeftoverAsync(session, importId, stop);
            if (rule is null) plan = await plan.ChooseRouteAsync(import, session, noLedger, stop);
            keepLedger |= rule is not null || plan.Route is ImportRoute.Shard or ImportRoute.Worker;
            IReadOnlyList<ImportBatch> done = keepLedger ? await OpenLedgerAsync(stop) : [];
            if (done is [.., { IsLast: false } last]) await Staging.RequireAsync(session, last, stop);
            if (rule is not null && !(isRepeat && done.Any(b => b.IsLast)))
            {
                plan = plan with { Staging = await Staging.OpenAsync(import.Connection, _ledger!.Session, importId, plan.Target, rule,
                    import.Truncate, stop) };
                plan = await plan.ChooseRouteAsync(import, session, noLedger, stop);
            }
            if (plan.Route == ImportRoute.Worker)
            {
                await PartialBatch.CreateAsync(_ledger!.Session, stop);
                await PartialBatch.TakeOverAsync(_ledger.Session, importId, _ledger.Attempt, stop);
                if (done.Count == 0) await PartialBatch.ForgetOrphansAsync(_ledger.Session, importId, stop);
                plan = plan with { Pending = await PartialBatch.FindAsync(_ledger.Session, importId, stop) };
            }
            import.Explain?.Invoke($"{plan.Route} route: {plan.Reason}");
            if (plan.Table.Kind == TableKind.Local) import.Warn?.Invoke(ImportErrors.NotDistributed(plan.Table));
            await new RunningLoad(plan.Table.Name.ToString(), import.Source.Name, plan.Route.ToString()).ShowAsync(session, importId, stop);
            await using var run = new ImportRun(import, plan, _ledger, state, done, shown);
            return await RunAsync(run, plan.Route, stop);
        }
        finally
        {
            if (_ledger is not null) await _ledger.DisposeAsync();
            await RunningLoad.HideAsync(session);
            await plan.DisposeAsync();
        }
    }

    /// <summary>Opens the source. A failure says what is in the table, which may have rows of earlier runs.</summary>
    private async Task<ImportPlan> OpenPlanAsync(NpgsqlConnection session, CancellationToken stop)
    {
        try
        {
            return await ImportPlan.OpenAsync(import, import.Connection, session, import.Source, import.Table, stop);
        }
        catch (CitusException e) when (isRepeat || e.Kind != CitusErrorKind.ObjectNotFound)
        {
            throw e.WithState(state.ToString());
        }
    }

    /// <summary>Opens the ledger, once what an attempt before has prepared, and its ledger decided, is committed.</summary>
    /// <returns>The batches that it holds of the import.</returns>
    private async Task<IReadOnlyList<ImportBatch>> OpenLedgerAsync(CancellationToken stop)
    {
        await RecoverAsync(everywhere: isRepeat && state.Route == ImportRoute.Shard, stop);
        _ledger = await ImportLedger.OpenAsync(import.Connection, importId, stop, attempts.Source);
        attempts.Source = attempts.Source is { } source ? source with { Known = null } : null;
        state = state with { ImportId = importId };
        bool isExact = isRepeat && (!state.IsInDoubt || state.Route == ImportRoute.Shard);
        return await attempts.BeginAsync(_ledger, isExact ? state.Position.EndByte : null, isRepeat ? state.ToString() : null, stop);
    }

    private async Task<AttemptEnd> RunAsync(ImportRun run, ImportRoute route, CancellationToken stop)
    {
        try
        {
            return await run.RunAsync(isRepeat, stop)
                ? new AttemptEnd.Completed(run.State, run.Result()) : new AttemptEnd.NeedsValidation(run.State);
        }
        catch (Exception e)
        {
            AttemptState now = run.State;
            if (_ledger is not null && (run.IsComplete || !now.HasCommitted)) await ForgetAsync(_ledger, route, all: !run.IsComplete);
            if (stop.IsCancellationRequested) throw new OperationCanceledException(stop);
            if (e is CitusException { MayPass: false } known) throw known.WithState(now.ToString());
            return new AttemptEnd.Interrupted(now, ImportErrors.Interrupted(import.Source, now, e),
                MayRetry: PostgresErrors.MayPass(e) && _ledger is not null,
                GotFurther: now.Position.EndByte > state.Position.EndByte);
        }
    }

    /// <summary>Removes what an import has made for itself, where nothing of it will be resumed.</summary>
    /// <param name="all">False leaves what the ledger says: the import is complete.</param>
    private static async Task ForgetAsync(ImportLedger ledger, ImportRoute route, bool all)
    {
        try
        {
            await StagingTable.DropAsync(ledger.Session, ledger.ImportId, CancellationToken.None);
            if (route != ImportRoute.Worker) return;
            await PartialBatch.ForgetAsync(ledger.Session, ledger.ImportId, null, CancellationToken.None);
            if (all) await ImportLedger.ForgetAsync(ledger.Session, ledger.ImportId, CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException)
        {
            // Remove-CitusImport does it too; why the load failed matters more.
        }
    }

    /// <summary>Ends transactions that interrupted loads left prepared; refuses to continue while rows of the import are pending.</summary>
    private async Task RecoverAsync(bool everywhere, CancellationToken stop)
    {
        var recovery = new ImportRecovery(import.Connection, step =>
        {
            import.Explain?.Invoke(step.ToString());
            return default;
        }, attempts);
        await recovery.RunAsync(null, everywhere, stop);
        if (recovery.Pending.FirstOrDefault(p => p.ImportId == importId) is { } own) throw ImportErrors.Pending(importId, own.ToString());
    }
}
