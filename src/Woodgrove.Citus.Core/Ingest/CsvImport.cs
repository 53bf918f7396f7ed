using System.Diagnostics;
using Npgsql;
using Polly;
using Polly.Retry;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>One CSV into one table: in one transaction, or, with checkpoints, in batches that are each in the ledger.</summary>
public sealed class CsvImport(CitusConnection connection, CsvSource source, TableName table)
{
    /// <summary>Below this size a load is over before many connections would have paid.</summary>
    private const long WorthManyConnections = 8 * 1024 * 1024;

    public CsvDialect Dialect { get; init; } = new();

    /// <summary>The table's columns in the file's order; null takes the header's names, or all columns in table order.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    public ImportRoute Route { get; init; }

    /// <summary>Addresses for nodes whose own names can't be reached from here.</summary>
    public IReadOnlyDictionary<string, string>? NodeAddress { get; init; }

    /// <summary>Null loads the file as one.</summary>
    public Checkpoint? Checkpoint { get; init; }

    /// <summary>Names the import in the ledger; one that is there already goes on after its last committed byte.</summary>
    public Guid? ImportId { get; init; }

    /// <summary>Sets refused records aside and loads the rest.</summary>
    public bool SkipErrors { get; init; }

    /// <summary>Where refused records are written; <c>.errors.csv</c> stands beside it.</summary>
    public string? RejectPath { get; init; }

    /// <summary>How many may be refused; null sets no limit.</summary>
    public ErrorLimit? MaxErrors { get; init; }

    /// <summary>Goes on with the latest import of this source into this table that was not completed.</summary>
    public bool Resume { get; init; }

    public Action<ImportProgress>? Progress { get; init; }

    /// <summary>Told what is done and why, a sentence at a time.</summary>
    public Action<string>? Explain { get; init; }

    /// <summary>Told what the user should know but did not ask.</summary>
    public Action<string>? Warn { get; init; }

    /// <exception cref="CitusException">The file, or a row of it, was refused; what was not committed at a checkpoint is rolled back.</exception>
    public async Task<ImportResult> RunAsync(CancellationToken stop)
    {
        Guid? importId = ImportId ?? (Resume ? await FindResumableAsync(stop) : null);
        bool named = importId is not null;
        importId ??= Guid.NewGuid();
        long? rowsBefore = null;
        BrokenOffException? broken = null;
        var clock = Stopwatch.StartNew();
        // Where a ledger is kept, an attempt that broke off is repeated from its last committed batch: exactly once all the same.
        ResiliencePipeline retries = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = 4,
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromSeconds(1),
            UseJitter = true,
            ShouldHandle = new PredicateBuilder().Handle<BrokenOffException>(e => e.CanRepeat),
            OnRetry = attempt =>
            {
                Warn?.Invoke($"{attempt.Outcome.Exception!.Message} Trying again in {attempt.RetryDelay.TotalSeconds:0.0} s ({attempt.AttemptNumber + 1} of 4).");
                return default;
            },
        }).Build();
        try
        {
            (ImportRun run, string reason) = await retries.ExecuteAsync(async token =>
            {
                try
                {
                    return await RunOnceAsync(importId.Value, named || Checkpoint is not null, broken is not null, before => rowsBefore ??= before, token);
                }
                catch (BrokenOffException e)
                {
                    broken = e;
                    throw;
                }
                catch (Exception e) when (broken is not null && MayComeBack(e))
                {
                    throw Broken(true, e, broken.Kept);
                }
            }, stop);
            return run.Result(rowsBefore ?? 0, clock.Elapsed, reason);
        }
        catch (BrokenOffException e)
        {
            throw e.Failure;
        }
    }

    private async Task<(ImportRun Run, string Reason)> RunOnceAsync(Guid importId, bool keepLedger, bool isRepeat, Action<long> resumed, CancellationToken stop)
    {
        CsvDialect dialect = Dialect.Checked();
        var addresses = new NodeAddresses(NodeAddress);
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        TableInfo target = await TableCatalog.FindAsync(connection, session, table, stop);
        await using CsvInput input = await CsvInput.OpenAsync(source, dialect, stop);
        IReadOnlyList<TableColumn> columns = ColumnBinding.Bind(input, dialect, target, Columns);
        var shardRoute = new ShardRoute(connection, source, target, columns, dialect, addresses);
        (ImportRoute route, string reason) = await ChooseRouteAsync(shardRoute, session, target, input, stop);
        Explain?.Invoke($"{route} route: {reason}");
        if (target.Kind == TableKind.Local) Warn?.Invoke($"{target.Display} is not distributed: its rows stay on the node that the connection leads to. New-DistributedTable distributes it.");

        keepLedger |= route == ImportRoute.Shard;
        if (keepLedger) await PreparedBatches.RecoverAsync(connection, addresses, Explain, stop);
        await using ImportLedger? ledger = keepLedger ? await ImportLedger.OpenAsync(connection, importId, stop) : null;
        var run = new ImportRun(this, source, dialect, target, columns, input, route, shardRoute, ledger, session.PostgreSqlVersion.Major < 18);
        try
        {
            await run.RunAsync(connection, isRepeat, resumed, stop);
            return (run, reason);
        }
        catch (Exception) when (stop.IsCancellationRequested)
        {
            throw new OperationCanceledException(stop);
        }
        catch (Exception e) when (e is not CitusException)
        {
            throw Broken(PostgresErrors.IsTransient(e) && ledger is not null, e, run.Kept);
        }
        finally
        {
            await shardRoute.CloseAsync();
        }
    }

    private async Task<Guid?> FindResumableAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        TableInfo target = await TableCatalog.FindAsync(connection, session, table, stop);
        return await ImportLedger.FindResumableAsync(session, target.Name.ToString(), source.Name, stop);
    }

    private async Task<(ImportRoute Route, string Reason)> ChooseRouteAsync(
        ShardRoute shards, NpgsqlConnection session, TableInfo target, CsvInput input, CancellationToken stop)
    {
        string coordinator = target.Kind switch
        {
            TableKind.Distributed => $"one COPY into {target.Display} on the coordinator, which hashes each row's {target.DistributionColumn} and streams the row to the node that holds its shard",
            TableKind.Reference => $"one COPY into {target.Display} on the coordinator, which sends every row to every node, since each keeps a full copy of a reference table",
            TableKind.Schema => $"one COPY into {target.Display} on the coordinator, which streams the rows to the node that holds its distributed schema",
            _ => $"one COPY into {target.Display}, a plain table of the node that the connection leads to",
        };
        if (Route == ImportRoute.Coordinator || target.Kind == TableKind.Local) return (ImportRoute.Coordinator, coordinator + ".");
        if (Route == ImportRoute.Auto && input.Length < (input.IsCompressed ? WorthManyConnections / 8 : WorthManyConnections))
            return (ImportRoute.Coordinator, $"{coordinator}; the file is too small for a connection to each shard to pay.");
        if (await shards.ObstacleAsync(session, stop) is { } obstacle)
        {
            if (Route == ImportRoute.Auto) return (ImportRoute.Coordinator, $"{coordinator}; not straight into the shards, because {obstacle}.");
            throw new CitusException("CitusRouteNotPossible", CitusErrorKind.InvalidOperation, $"-Route Shard is not possible: {obstacle}.",
                "Use -Route Auto, which takes the best way that is.") { Target = target.Display };
        }
        return (ImportRoute.Shard,
            $"each row's {target.DistributionColumn} is hashed here, as Citus would, and its bytes go straight to its shard's COPY on its node; the nodes share the work that the coordinator would do alone.");
    }

    /// <summary>A server that went away during the load may still be starting, or ending the sessions of an attempt before.</summary>
    private static bool MayComeBack(Exception e) =>
        e is CitusException known ? known.ErrorId is "CitusRouteNotPossible" or "CitusImportRunning" : PostgresErrors.IsTransient(e);

    private BrokenOffException Broken(bool canRepeat, Exception cause, string kept)
    {
        CitusException known = PostgresErrors.Describe(cause, source.Name);
        return new BrokenOffException(canRepeat, kept, new CitusException(known.ErrorId, known.Kind,
            $"{source}: the load broke off. {kept} {known.What}", known.Advice, cause) { Target = source.Name, SqlState = known.SqlState });
    }

    /// <summary>An attempt that failed with the connection or the like, not with the file.</summary>
    private sealed class BrokenOffException(bool canRepeat, string kept, CitusException failure) : Exception(failure.What, failure)
    {
        public bool CanRepeat => canRepeat;
        public string Kept => kept;
        public CitusException Failure => failure;
    }
}
