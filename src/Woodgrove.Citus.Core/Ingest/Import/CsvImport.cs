using System.Diagnostics;
using Npgsql;
using Polly;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>One CSV into one table: in one transaction, or, with checkpoints, in batches that are each in the ledger.</summary>
public sealed record CsvImport(CitusConnection Connection, CsvSource Source, TableName Table)
{
    public CsvDialect Dialect { get; init; } = new();

    public CsvShape Shape { get; init; } = new();

    public ImportRoute Route { get; init; }

    /// <summary>Null loads the file as one.</summary>
    public CheckpointInterval? Checkpoint { get; init; }

    /// <summary>Names the import in the ledger; an existing one continues after its last committed byte.</summary>
    public Guid? ImportId { get; init; }

    /// <summary>Sets refused records aside and loads the rest.</summary>
    public bool SkipErrors { get; init; }

    /// <summary>Where refused records are written; <c>.errors.csv</c> is beside it.</summary>
    public string? RejectPath { get; init; }

    /// <summary>How many may be refused; null sets no limit.</summary>
    public ErrorLimit? MaxErrors { get; init; }

    /// <summary>Resumes the latest incomplete import of this source into this table.</summary>
    public bool Resume { get; init; }

    /// <summary>Empties the table first, in the transaction of the first batch.</summary>
    public bool Truncate { get; init; }

    /// <summary>What happens to rows whose key is in the table already.</summary>
    public ConflictAction OnConflict { get; init; }

    /// <summary>The key that decides; null takes the primary key, or the only unique one.</summary>
    public IReadOnlyList<string>? KeyColumns { get; init; }

    public Action<ImportProgress>? Progress { get; init; }

    /// <summary>Told what is done and why, a sentence at a time.</summary>
    public Action<string>? Explain { get; init; }

    /// <summary>Told what the user should know but did not ask.</summary>
    public Action<string>? Warn { get; init; }

    /// <exception cref="CitusException">The file, or a row of it, was refused; what was not committed at a checkpoint is rolled
    /// back.</exception>
    public async Task<ImportResult> RunAsync(CancellationToken stop)
    {
        RefuseOverwriting([Source]);
        Guid? importId = ImportId;
        (long Rows, long Rejects)? before = null;
        var level = ValidationLevel.None;
        var shown = new List<RefusedRow>();
        BrokenOffException? broken = null;
        var attempts = new ImportAttempts(Source, Table);
        var clock = Stopwatch.StartNew();
        // With a ledger, an interrupted attempt is retried from its last committed batch, and each row is loaded exactly once.
        ResiliencePipeline retries = Retries.After(e => e is BrokenOffException { CanRepeat: true }, Warn);
        try
        {
            ImportRun? run = null;
            while (run is null) run = await retries.ExecuteAsync(async token =>
            {
                while (true)
                {
                    try
                    {
                        bool needsLedger = ImportId is not null || Resume || Checkpoint is not null || OnConflict != ConflictAction.Error
                            || broken is { HasLedger: true };
                        (CitusConnection coordinator, CitusException? noLedger) = await ConnectAsync(needsLedger, token);
                        importId ??= (Resume ? await FindResumableAsync(coordinator, token) : null) ?? Guid.NewGuid();
                        return await (this with { Connection = coordinator }).RunOnceAsync(importId.Value, needsLedger, noLedger, broken,
                            attempts, level, shown, found => before ??= found, token);
                    }
                    catch (ValidationNeededException refused)
                    {
                        level = level < ValidationLevel.Keys ? ValidationLevel.Keys : ValidationLevel.Workers;
                        Explain?.Invoke($"A worker refused a row ({refused.Message}). The batch is retried "
                            + "after all rows were validated on the coordinator and their keys compared with the table's"
                            + (level == ValidationLevel.Workers
                                ? ", and the rows tried on the workers, in transactions that are rolled back." : "."));
                    }
                    catch (BrokenOffException e)
                    {
                        bool gotFurther = e.CanRepeat && e.Committed > (broken?.Committed ?? 0);
                        broken = e;
                        if (!gotFurther) throw;
                        // A load of hours may break many times: attempts are counted from the last batch that was committed.
                        Warn?.Invoke($"{e.Message} Retrying from the last committed batch.");
                        return null;
                    }
                    catch (Exception e) when (e is not CitusException && PostgresErrors.IsTransient(e)
                        || (broken is not null && MayComeBack(e)))
                    {
                        // Before anything was sent in this attempt.
                        string kept = broken?.Kept ?? $"Nothing of the file is in {Table}.";
                        throw broken?.Again(Describe(e, kept)) ?? Broken(true, e, kept, 0, ImportRoute.Auto);
                    }
                }
            }, stop);
            return run.Result(before ?? default, clock.Elapsed);
        }
        catch (BrokenOffException e)
        {
            throw e.Failure;
        }
    }

    /// <summary>Refuses a <see cref="RejectPath"/> that would overwrite a source, this import's or another's.</summary>
    /// <exception cref="CitusException">It, or the file of reasons beside it, is one of them.</exception>
    public void RefuseOverwriting(IEnumerable<CsvSource> sources)
    {
        if (RejectPath is not null) RejectFile.RefuseSources(RejectPath, sources);
    }

    /// <summary>Whether a file holds the refused rows of an earlier run, or their reasons.</summary>
    public static bool WroteRejects(string path) => RejectFile.WasWritten(path);

    /// <summary>What <see cref="RunAsync(CancellationToken)"/> would do.</summary>
    /// <exception cref="CitusException">It would be refused.</exception>
    public async Task<ImportPreview> PreviewAsync(CancellationToken stop)
    {
        RefuseOverwriting([Source]);
        (CitusConnection coordinator, CitusException? noLedger) = await ConnectAsync(needsLedger: false, stop);
        return await ImportPreview.ReadAsync(this, coordinator, noLedger, Source, Table, stop);
    }

    /// <summary>
    /// The coordinator, which keeps the ledger and whose catalogs and locks count; or, where no ledger is needed, any
    /// node if it can't be reached.
    /// </summary>
    private async Task<(CitusConnection Connection, CitusException? NoLedger)> ConnectAsync(bool needsLedger, CancellationToken stop)
    {
        try
        {
            return (await Connection.AtCoordinatorAsync(stop), null);
        }
        catch (CitusException e) when (!needsLedger && e.Kind == CitusErrorKind.ConnectionError)
        {
            return (Connection, e);
        }
    }

    private async Task<ImportRun> RunOnceAsync(Guid importId, bool keepLedger, CitusException? noLedger, BrokenOffException? broken,
        ImportAttempts attempts, ValidationLevel level, List<RefusedRow> shown, Action<(long Rows, long Rejects)> resumed,
        CancellationToken stop)
    {
        await using NpgsqlConnection session = await Connection.OpenSessionAsync(stop);
        ImportPlan plan = await OpenPlanAsync(importId, keepLedger, broken, session, stop);
        try
        {
            ConflictRule? rule = OnConflict == ConflictAction.Error ? null
                : await ConflictRule.FindAsync(session, plan.Table, OnConflict, KeyColumns, stop);
            if (keepLedger) await LedgerSchema.RequireAsync(session, withParts: false, stop);
            if (keepLedger && await PartialBatch.ExistsAsync(session, stop))
                plan = plan with { Pending = await PartialBatch.FindAsync(session, importId, stop) };
            if (rule is null && keepLedger) await Staging.RefuseLeftoverAsync(session, importId, stop);
            if (rule is null) plan = await plan.ChooseRouteAsync(this, session, noLedger, stop);
            keepLedger |= rule is not null || plan.Route is ImportRoute.Shard or ImportRoute.Worker;
            // What an attempt before has prepared, and its ledger decided to commit, is part of what is reported as loaded.
            if (keepLedger) await RecoverAsync(importId, everywhere: broken?.Route == ImportRoute.Shard, attempts, stop);
            await using ImportLedger? ledger = keepLedger ? await ImportLedger.OpenAsync(Connection, importId, stop) : null;
            if (ledger is not null)
                await attempts.BeginAsync(ledger, broken is { IsInDoubt: false } or { Route: ImportRoute.Shard } ? broken.Committed : null,
                    broken?.Kept, stop);
            if (rule is not null && !(broken is not null && (await ledger!.BatchesAsync(stop)).Any(b => b.IsLast)))
            {
                plan = plan with { Staging = await Staging.OpenAsync(Connection, ledger!.Session, importId, plan.Target, rule, Truncate,
                    stop) };
                plan = await plan.ChooseRouteAsync(this, session, noLedger, stop);
            }
            if (plan.Route == ImportRoute.Worker)
            {
                await PartialBatch.CreateAsync(ledger!.Session, stop);
                await PartialBatch.TakeOverAsync(ledger.Session, importId, ledger.Attempt, stop);
                plan = plan with { Pending = await PartialBatch.FindAsync(ledger.Session, importId, stop) };
            }
            Explain?.Invoke($"{plan.Route} route: {plan.Reason}");
            if (plan.Table.Kind == TableKind.Local)
                Warn?.Invoke($"{plan.Table.Display} is not distributed: its rows stay on the node that the connection leads to. "
                    + "New-DistributedTable distributes it.");
            await new RunningLoad(plan.Table.Name.ToString(), Source.Name, plan.Route.ToString()).ShowAsync(session, importId, stop);
            return await RunAsync(new ImportRun(this, plan, ledger, level, shown), plan, ledger, broken is not null, resumed, stop);
        }
        finally
        {
            await RunningLoad.HideAsync(session);
            await plan.DisposeAsync();
        }
    }

    /// <summary>Opens the source. A failure says what is in the table, which may have rows of earlier runs.</summary>
    private async Task<ImportPlan> OpenPlanAsync(Guid importId, bool keepLedger, BrokenOffException? broken, NpgsqlConnection session,
        CancellationToken stop)
    {
        try
        {
            return await ImportPlan.OpenAsync(this, Connection, session, Source, Table, stop);
        }
        catch (CitusException e) when (broken is not null || e.ErrorId is not ("CitusTableNotFound" or "CitusFileNotFound"))
        {
            throw e.WithState(broken?.Kept ?? (keepLedger && (ImportId is not null || Resume)
                ? $"This run has sent nothing; the rows that earlier runs of import {importId} committed are unchanged."
                : $"Nothing of the file is in {Table}."));
        }
    }

    private async Task<ImportRun> RunAsync(ImportRun run, ImportPlan plan, ImportLedger? ledger, bool isRepeat,
        Action<(long Rows, long Rejects)> resumed, CancellationToken stop)
    {
        try
        {
            await run.RunAsync(isRepeat, resumed, stop);
            return run;
        }
        catch (Exception e)
        {
            if (ledger is not null && (run.WasComplete || !run.HasCommitted)) await ForgetAsync(ledger, plan.Route, all: !run.WasComplete);
            if (stop.IsCancellationRequested) throw new OperationCanceledException(stop);
            if (e is ValidationNeededException) throw;
            if (e is CitusException known) throw known.WithState(run.Kept);
            throw Broken(PostgresErrors.IsTransient(e) && ledger is not null, e, run.Kept, run.CommittedBytes, plan.Route,
                ledger is not null, run.IsInDoubt);
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
    private async Task RecoverAsync(Guid importId, bool everywhere, ImportAttempts attempts, CancellationToken stop)
    {
        var recovery = new ImportRecovery(Connection, step =>
        {
            Explain?.Invoke(step.ToString());
            return default;
        }, attempts);
        await recovery.RunAsync(null, everywhere, stop);
        if (recovery.Pending.FirstOrDefault(p => p.ImportId == importId) is not { } own) return;
        throw new CitusException("CitusImportPending", CitusErrorKind.ResourceUnavailable, $"Import {importId} can't continue: {own}",
            $"Repair-CitusImport {importId} ends it once that is settled.") { Target = importId };
    }

    /// <summary>
    /// The latest import of this source into this table, if it was not completed, or is complete and the source is
    /// still the same.
    /// </summary>
    private async Task<Guid?> FindResumableAsync(CitusConnection coordinator, CancellationToken stop)
    {
        await using NpgsqlConnection session = await coordinator.OpenSessionAsync(stop);
        TableInfo target = await TableCatalog.FindAsync(coordinator, session, Table, stop);
        if (await ImportLedger.FindLatestAsync(session, target.Name.ToString(), Source.Name, stop) is not { } latest) return null;
        return !latest.IsLast || await IsSameAsync(latest, target, stop) ? latest.ImportId : null; // a complete one is told to be so
    }

    /// <summary>Whether the source is, byte for byte, what an import has loaded.</summary>
    private async Task<bool> IsSameAsync(ImportBatch complete, TableInfo target, CancellationToken stop)
    {
        (CsvInput opened, _) = await CsvPreamble.OpenAsync(Source, Dialect.Checked(), target, Shape, null, stop);
        await using CsvInput input = opened;
        var hash = new System.IO.Hashing.XxHash3();
        var buffer = new byte[256 * 1024];
        long left = complete.EndByte;
        for (int count; left > 0
            && (count = await input.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), stop)) > 0; left -= count)
                hash.Append(buffer.AsSpan(0, count));
        // Behind it nothing, or the line that ends the data.
        int more = left > 0 ? 0 : await input.ReadAsync(buffer.AsMemory(0, 2), stop);
        return left == 0 && (more == 0 || buffer.AsSpan(0, more).SequenceEqual("\\."u8))
            && $"xxh3:{hash.GetCurrentHashAsUInt64():x16}" == complete.Fingerprint;
    }

    /// <summary>A server that went away during the load may still be starting, or ending the sessions of an attempt before.</summary>
    private static bool MayComeBack(Exception e) =>
        e is CitusException known ? known.ErrorId is "CitusRouteNotPossible" or "CitusImportRunning" : PostgresErrors.IsTransient(e);

    private BrokenOffException Broken(bool canRepeat, Exception cause, string kept, long committed, ImportRoute route,
        bool hasLedger = false, bool isInDoubt = false) =>
        new(canRepeat, kept, committed, route, hasLedger, isInDoubt, Describe(cause, kept));

    private CitusException Describe(Exception cause, string kept)
    {
        CitusException known = PostgresErrors.Describe(cause, Source.Name);
        return new CitusException(known.ErrorId, known.Kind,
            $"{Source}: the load was interrupted. {kept} {known.What}", known.Advice, cause)
            { Target = Source.Name, SqlState = known.SqlState };
    }

    /// <summary>An attempt that failed with the connection or the like, not with the file.</summary>
    private sealed class BrokenOffException(bool canRepeat, string kept, long committed, ImportRoute route, bool hasLedger, bool isInDoubt,
        CitusException failure) : Exception(failure.What, failure)
    {
        public bool CanRepeat => canRepeat;
        public string Kept => kept;
        public long Committed => committed;
        public ImportRoute Route => route;
        public bool HasLedger => hasLedger;

        /// <summary>True where its last commit may have gone through or not.</summary>
        public bool IsInDoubt => isInDoubt;
        public CitusException Failure => failure;

        /// <summary>The same, after an attempt that failed before it sent anything.</summary>
        public BrokenOffException Again(CitusException latest) => new(true, Kept, Committed, Route, HasLedger, IsInDoubt, latest);
    }
}
