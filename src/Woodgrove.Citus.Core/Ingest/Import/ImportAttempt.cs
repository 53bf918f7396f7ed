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
/// <param name="previous">What the attempt before has left; null for the first.</param>
/// <param name="noLedger">Why the coordinator, which would keep the ledger, can't be reached, or null.</param>
internal sealed class ImportAttempt(CsvImport import, Guid importId, AttemptState? previous, ImportAttempts attempts,
    List<RefusedRow> shown, CitusException? noLedger)
{
    private AttemptState _state = previous ?? StateBefore(import);
    private ImportLedger? _ledger;

    /// <param name="previous">What the attempt before has left; null for the first.</param>
    /// <param name="shown">The first refused records of all attempts.</param>
    /// <exception cref="CitusException">The file or the table is at fault.</exception>
    public static async Task<AttemptEnd> RunAsync(CsvImport import, AttemptState? previous, ImportAttempts attempts,
        List<RefusedRow> shown, CancellationToken stop)
    {
        ImportAttempt? attempt = null;
        try
        {
            (CitusConnection coordinator, CitusException? noLedger) =
                await import.ConnectAsync(import.NeedsLedger || previous?.ImportId is not null, stop);
            import = import with { Connection = coordinator };
            Guid importId = previous?.ImportId ?? import.ImportId ?? (import.Resume ? await ResumableImport.FindAsync(import, stop) : null)
                ?? Guid.NewGuid();
            attempt = new ImportAttempt(import, importId, previous, attempts, shown, noLedger);
            return await attempt.RunAsync(stop);
        }
        catch (Exception e) when ((e is not CitusException && PostgresErrors.IsTransient(e)) || (previous is not null && MayComeBack(e)))
        {
            // Before anything was sent in this attempt.
            AttemptState state = attempt?._state ?? previous ?? StateBefore(import);
            return new AttemptEnd.Interrupted(state, ImportErrors.Interrupted(import.Source, state, e), MayRetry: true, GotFurther: false);
        }
    }

    /// <summary>What is known before the ledger is read.</summary>
    private static AttemptState StateBefore(CsvImport import) => new(import.Table.ToString())
    {
        Phase = import.ImportId is not null || import.Resume ? ImportPhase.Resuming : ImportPhase.Loading,
        ImportId = import.ImportId,
    };

    private async Task<AttemptEnd> RunAsync(CancellationToken stop)
    {
        bool keepLedger = import.NeedsLedger || previous?.ImportId is not null;
        if (keepLedger) _state = _state with { ImportId = importId };
        await using NpgsqlConnection session = await import.Connection.OpenSessionAsync(stop);
        ImportPlan plan = await OpenPlanAsync(session, stop);
        try
        {
            ConflictRule? rule = import.OnConflict == ConflictAction.Error ? null
                : await ConflictRule.FindAsync(session, plan.Table, import.OnConflict, import.KeyColumns, stop);
            if (keepLedger) await LedgerSchema.RequireAsync(session, withParts: false, stop);
            if (keepLedger && await PartialBatch.ExistsAsync(session, stop))
                plan = plan with { Pending = await PartialBatch.FindAsync(session, importId, stop) };
            if (rule is null && keepLedger) await Staging.RefuseLeftoverAsync(session, importId, stop);
            if (rule is null) plan = await plan.ChooseRouteAsync(import, session, noLedger, stop);
            keepLedger |= rule is not null || plan.Route is ImportRoute.Shard or ImportRoute.Worker;
            IReadOnlyList<ImportBatch> done = keepLedger ? await OpenLedgerAsync(stop) : [];
            if (rule is not null && !(previous is not null && done.Any(b => b.IsLast)))
            {
                plan = plan with { Staging = await Staging.OpenAsync(import.Connection, _ledger!.Session, importId, plan.Target, rule,
                    import.Truncate, stop) };
                plan = await plan.ChooseRouteAsync(import, session, noLedger, stop);
            }
            if (plan.Route == ImportRoute.Worker)
            {
                await PartialBatch.CreateAsync(_ledger!.Session, stop);
                await PartialBatch.TakeOverAsync(_ledger.Session, importId, _ledger.Attempt, stop);
                plan = plan with { Pending = await PartialBatch.FindAsync(_ledger.Session, importId, stop) };
            }
            import.Explain?.Invoke($"{plan.Route} route: {plan.Reason}");
            if (plan.Table.Kind == TableKind.Local) import.Warn?.Invoke(ImportErrors.NotDistributed(plan.Table));
            await new RunningLoad(plan.Table.Name.ToString(), import.Source.Name, plan.Route.ToString()).ShowAsync(session, importId, stop);
            await using var run = new ImportRun(import, plan, _ledger, _state, done, shown);
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
        catch (CitusException e) when (previous is not null || e.Kind != CitusErrorKind.ObjectNotFound)
        {
            throw e.WithState(_state.ToString());
        }
    }

    /// <summary>Opens the ledger, once what an attempt before has prepared, and its ledger decided, is committed.</summary>
    /// <returns>The batches that it holds of the import.</returns>
    private async Task<IReadOnlyList<ImportBatch>> OpenLedgerAsync(CancellationToken stop)
    {
        await RecoverAsync(everywhere: previous?.Route == ImportRoute.Shard, stop);
        _ledger = await ImportLedger.OpenAsync(import.Connection, importId, stop);
        _state = _state with { ImportId = importId };
        bool isExact = previous is { IsInDoubt: false } or { Route: ImportRoute.Shard };
        return await attempts.BeginAsync(_ledger, isExact ? previous!.Position.EndByte : null, previous?.ToString(), stop);
    }

    private async Task<AttemptEnd> RunAsync(ImportRun run, ImportRoute route, CancellationToken stop)
    {
        try
        {
            return await run.RunAsync(isRepeat: previous is not null, stop)
                ? new AttemptEnd.Completed(run.State, run.Result()) : new AttemptEnd.NeedsValidation(run.State);
        }
        catch (Exception e)
        {
            AttemptState state = run.State;
            if (_ledger is not null && (run.IsComplete || !state.HasCommitted)) await ForgetAsync(_ledger, route, all: !run.IsComplete);
            if (stop.IsCancellationRequested) throw new OperationCanceledException(stop);
            if (e is CitusException known) throw known.WithState(state.ToString());
            return new AttemptEnd.Interrupted(state, ImportErrors.Interrupted(import.Source, state, e),
                MayRetry: PostgresErrors.IsTransient(e) && _ledger is not null,
                GotFurther: state.Position.EndByte > (previous?.Position.EndByte ?? 0));
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

    /// <summary>A server that went away during the load may still be starting, or ending the sessions of an attempt before.</summary>
    private static bool MayComeBack(Exception e) => e is CitusException known ? known.MayPass : PostgresErrors.IsTransient(e);
}
