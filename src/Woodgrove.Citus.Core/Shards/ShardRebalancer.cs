using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Shards;

/// <summary>Plans, starts, follows and stops rebalances, which the cluster runs by itself in the background.</summary>
public sealed class ShardRebalancer(CitusConnection connection)
{
    private const string OtherSession = "Get-ShardRebalance follows it; Stop-ShardRebalance stops it, and what it has moved stays moved.";

    /// <summary>How long between two looks at a rebalance that is waited for.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>The moves that it would make now, each of a shard with those that are colocated with it, as the job makes them.</summary>
    /// <exception cref="CitusException">It would be refused.</exception>
    public async Task<IReadOnlyList<ShardMove>> PlanAsync(RebalanceOrder order, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        await RequireAsync(session, order, stop);
        IReadOnlyList<ShardMove> moves = await PlanAsync(session, order, withSizes: true, stop);
        if (moves.Count == 0) return moves;
        // Citus's own refusals come only when a job is made: it is rolled back before anybody sees it.
        await using NpgsqlTransaction dryRun = await session.BeginTransactionAsync(stop);
        await StartAsync(session, order, stop);
        return moves;
    }

    private async Task<IReadOnlyList<ShardMove>> PlanAsync(NpgsqlConnection session, RebalanceOrder order, bool withSizes,
        CancellationToken stop)
    {
        // The plan's own sizes are those of the metadata, which are 0; the view citus_shards has Citus ask the nodes under their own
        // search paths.
        Dictionary<long, long> sizes = withSizes ? (await ShardSizes.ReadAsync(connection, session, [], _ => { }, stop)).Largest() : [];
        await using var command = new NpgsqlCommand($"""
            SELECT {SearchPath.Show("p.tables[1]")}, p.shards, p.source, p.target
            FROM ({ShardGroups("drain_only := $1, rebalance_strategy := $2")}) p ORDER BY p.ordinal
            """, session)
        {
            CommandTimeout = 0,
            Parameters = { new() { Value = order.DrainOnly }, Name(order.Strategy) },
        };
        var moves = new List<ShardMove>();
        await using NpgsqlDataReader row = await ReadPlanAsync(command, stop);
        while (await row.ReadAsync(stop))
        {
            long[] shards = await row.GetFieldValueAsync<long[]>(1, stop);
            moves.Add(new ShardMove(row.GetString(0), shards[0], row.GetString(2), row.GetString(3), "Planned")
                { SizeBytes = shards.Sum(s => sizes.GetValueOrDefault(s)) });
        }
        return moves;
    }

    private async Task<NpgsqlDataReader> ReadPlanAsync(NpgsqlCommand command, CancellationToken stop)
    {
        try
        {
            return await command.ExecuteReaderAsync(stop);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ConnectionFailure && e.InvariantSeverity == "ERROR")
        {
            string reason = await NodeRefusal.ReasonAsync(command.Connection!, e, stop);
            throw new CitusException("CitusNodeRefused", CitusErrorKind.ResourceUnavailable,
                $"The rebalance could not be planned: {reason}.",
                "Put that right, and plan again; Test-CitusCluster shows the state of nodes and shards.", e) { Target = connection.Name,
                    SqlState = e.SqlState };
        }
    }

    /// <summary>
    /// SQL of the moves that a rebalance would make. Citus's plan has a row for every shard; a move takes all colocated
    /// shards of one range of hashes, and is counted once wherever the module counts moves.
    /// </summary>
    /// <param name="arguments">Of get_rebalance_table_shards_plan.</param>
    internal static string ShardGroups(string arguments) => $"""
        SELECT min(p.ordinality) AS ordinal, array_agg(p.table_name::oid ORDER BY p.ordinality) AS tables,
            array_agg(p.shardid ORDER BY p.ordinality) AS shards,
               p.sourcename || ':' || p.sourceport AS source, p.targetname || ':' || p.targetport AS target
        FROM pg_catalog.get_rebalance_table_shards_plan({arguments}) WITH ORDINALITY p
        JOIN pg_catalog.pg_dist_shard s ON s.shardid = p.shardid
        JOIN pg_catalog.pg_dist_partition t ON t.logicalrelid = s.logicalrelid
        GROUP BY t.colocationid, coalesce(s.shardminvalue, ''), p.sourcename, p.sourceport, p.targetname, p.targetport
        """;

    /// <returns>Null where there is nothing to move.</returns>
    /// <exception cref="CitusException">One runs already, there is no such strategy, or a table cannot be moved this way.</exception>
    public async Task<ShardRebalance?> StartAsync(RebalanceOrder order, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        await RequireAsync(session, order, stop);
        return (await PlanAsync(session, order, withSizes: false, stop)).Count == 0 ? null : await StartAsync(session, order, stop);
    }

    private async Task RequireAsync(NpgsqlConnection session, RebalanceOrder order, CancellationToken stop)
    {
        await CheckStrategyAsync(session, order.Strategy, stop);
        if (await ReadAsync(session, null, stop) is { IsActive: true } running)
        {
            throw new CitusException("CitusRebalanceRunning", CitusErrorKind.ResourceExists,
                $"A rebalance is {running.State.ToString().ToLowerInvariant()} already: job {running.JobId}, "
                    + $"{running.Done} of {running.Total} move(s) done.", OtherSession) { Target = running.JobId };
        }
    }

    private async Task<ShardRebalance?> StartAsync(NpgsqlConnection session, RebalanceOrder order, CancellationToken stop)
    {
        // The job would start, and each of its moves fail.
        if (order.TransferMode != "block_writes" && connection.Engine == "Citus"
            && await OutputPlugins.AdviceAsync(session, stop) is { } first)
        {
            throw new CitusException("CitusRebalanceRefused", CitusErrorKind.InvalidOperation,
                "The rebalance was not started: a node lets Citus replicate no shard logically, so none could be moved online.",
                $"{first} Or move the shards with -TransferMode block_writes, while their writers wait.");
        }
        await using var command = new NpgsqlCommand("SELECT pg_catalog.citus_rebalance_start($1, $2, "
            + $"$3::citus.shard_transfer_mode{order.Further})", session)
        {
            CommandTimeout = 0,
            Parameters = { Name(order.Strategy), new() { Value = order.DrainOnly }, new() { Value = order.TransferMode } },
        };
        try
        {
            return await command.ExecuteScalarAsync(stop) is long job and > 0 ? await ReadAsync(session, job, stop) : null;
        }
        catch (PostgresException e) when (order.Further.Length > 0 && e.SqlState == PostgresErrorCodes.UndefinedFunction)
        {
            throw new CitusException("CitusNotSupported", CitusErrorKind.NotImplemented,
                $"{connection.Engine} {connection.CitusVersion} moves shards one at a time.",
                "Citus has -ParallelReferenceTables and -ParallelColocatedShards from version 13.2. Start the rebalance without them.", e)
            { SqlState = e.SqlState };
        }
        catch (PostgresException e)
            when (e.SqlState is PostgresErrorCodes.ObjectNotInPrerequisiteState or PostgresErrorCodes.FeatureNotSupported)
        {
            throw new CitusException("CitusRebalanceRefused", CitusErrorKind.InvalidOperation,
                $"The rebalance was not started: {PostgresErrors.Text(e)}",
                "A table without a primary key or a replica identity moves with -TransferMode block_writes, while its writers wait, "
                    + "or with force_logical, while its UPDATE and DELETE fail; Test-CitusCluster ReplicaIdentity lists such tables.", e)
            { SqlState = e.SqlState };
        }
    }

    /// <summary>The rebalance of this number, or the latest.</summary>
    /// <returns>Null where there never was one.</returns>
    /// <exception cref="CitusException">There is none of this number.</exception>
    public async Task<ShardRebalance?> FindAsync(long? jobId, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        ShardRebalance? found = await ReadAsync(session, jobId, stop);
        return found is not null || jobId is null ? found
            : throw new CitusException("CitusRebalanceNotFound", CitusErrorKind.ObjectNotFound,
            $"There is no rebalance of the number {jobId}.", "Without -JobId, Get-ShardRebalance shows the latest.") { Target = jobId };
    }

    /// <summary>Returns when the rebalance is over, or the time is.</summary>
    /// <param name="report">Receives the state at every look.</param>
    public async Task<ShardRebalance> WaitAsync(ShardRebalance rebalance, TimeSpan? patience, Action<ShardRebalance> report,
        CancellationToken stop)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        while (rebalance.IsActive && (patience is null || watch.Elapsed < patience))
        {
            report(rebalance);
            await Task.Delay(Pause, stop);
            rebalance = await FindAsync(rebalance.JobId, stop) ?? rebalance;
        }
        return rebalance;
    }

    /// <summary>Ends the rebalance that is not over; the moves that run are undone, and those that are done stay.</summary>
    /// <exception cref="CitusException">There is none.</exception>
    public async Task<ShardRebalance> StopAsync(CancellationToken stop)
    {
        ShardRebalance running = await RunningAsync(stop);
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        await session.ExecuteAsync("SELECT pg_catalog.citus_rebalance_stop()", stop);
        return (await ReadAsync(session, running.JobId, stop))!;
    }

    /// <summary>The rebalance that is not over.</summary>
    /// <exception cref="CitusException">There is none.</exception>
    public async Task<ShardRebalance> RunningAsync(CancellationToken stop) =>
        await FindAsync(null, stop) switch
        {
            { IsActive: true } running => running,
            null => throw NotRunning("There never was one here."),
            { } last => throw NotRunning(
                $"The last one, job {last.JobId}, is {last.State.ToString().ToLowerInvariant()}; Get-ShardRebalance shows it."),
        };

    private static CitusException NotRunning(string advice) =>
        new("CitusRebalanceNotRunning", CitusErrorKind.ObjectNotFound, "No rebalance runs.", advice);

    /// <summary>Names of strategies, for completion.</summary>
    public static async Task<IReadOnlyList<string>> StrategiesAsync(CitusConnection connection, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        return await StrategiesAsync(session, stop);
    }

    private static async Task<IReadOnlyList<string>> StrategiesAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT name::text FROM pg_catalog.pg_dist_rebalance_strategy ORDER BY 1", session);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var names = new List<string>();
        while (await row.ReadAsync(stop)) names.Add(row.GetString(0));
        return names;
    }

    private static async Task CheckStrategyAsync(NpgsqlConnection session, string? strategy, CancellationToken stop)
    {
        if (strategy is null || await StrategiesAsync(session, stop) is var known && known.Contains(strategy)) return;
        throw new CitusException("CitusStrategyNotFound", CitusErrorKind.ObjectNotFound, $"There is no rebalance strategy '{strategy}'.",
            $"There are: {string.Join(", ", known)}. citus_add_rebalance_strategy adds one.") { Target = strategy };
    }

    private static async Task<ShardRebalance?> ReadAsync(NpgsqlConnection session, long? jobId, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT job_id, state::text, started_at, finished_at FROM pg_catalog.pg_dist_background_job
            WHERE job_type = 'rebalance' AND ($1 IS NULL OR job_id = $1) ORDER BY job_id DESC LIMIT 1
            """, session) { Parameters = { new() { Value = (object?)jobId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint } } };
        ShardRebalance job;
        await using (NpgsqlDataReader row = await command.ExecuteReaderAsync(stop))
        {
            if (!await row.ReadAsync(stop)) return null;
            job = new ShardRebalance(row.GetInt64(0), Enum.Parse<RebalanceState>(row.GetString(1), ignoreCase: true), 0, [],
                await row.IsDBNullAsync(2, stop) ? null : row.GetFieldValue<DateTimeOffset>(2),
                await row.IsDBNullAsync(3, stop) ? null : row.GetFieldValue<DateTimeOffset>(3));
        }
        IReadOnlyList<ShardMove> moves = await ReadMovesAsync(session, job.JobId, stop);
        return job with { Moves = moves.ToListing(), Done = moves.Count(m => m is { State: "done", ShardId: not null }) };
    }

    /// <summary>
    /// A task's own text names the shard and the nodes by number; the session that runs it reports how far it is, for
    /// each colocated shard.
    /// </summary>
    private static async Task<IReadOnlyList<ShardMove>> ReadMovesAsync(NpgsqlConnection session, long jobId, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"""
            WITH progress AS MATERIALIZED (
              SELECT sessionid, sum(source_shard_size)::bigint AS size, sum(target_shard_size)::bigint AS copied, max(status) AS phase
                  FROM pg_catalog.get_rebalance_progress() GROUP BY 1)
            SELECT t.task_id, t.status::text, coalesce(t.retry_count, 0), CASE
                WHEN t.status <> 'done' THEN nullif(rtrim(t.message, E'\n'), '') END, m[1]::bigint, {SearchPath.Show("s.logicalrelid")},
                   f.nodename || ':' || f.nodeport, g.nodename || ':' || g.nodeport, p.size, p.copied, p.phase
            FROM pg_catalog.pg_dist_background_task t
            CROSS JOIN LATERAL pg_catalog.regexp_match(t.command, 'citus_move_shard_placement\((\d+),(\d+),(\d+),') m
            LEFT JOIN pg_catalog.pg_dist_shard s ON s.shardid = m[1]::bigint
            LEFT JOIN pg_catalog.pg_dist_node f ON f.nodeid = m[2]::int
            LEFT JOIN pg_catalog.pg_dist_node g ON g.nodeid = m[3]::int
            LEFT JOIN progress p ON p.sessionid = t.pid AND t.status = 'running'
            WHERE t.job_id = $1 ORDER BY t.task_id
            """, session) { Parameters = { new() { Value = jobId } } };
        var moves = new List<ShardMove>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            moves.Add(new ShardMove(Value(5) as string, Value(4) as long?, Value(6) as string, Value(7) as string, row.GetString(1))
            {
                TaskId = row.GetInt64(0), Retries = row.GetInt32(2), Message = Value(3) as string, SizeBytes = Value(8) as long?,
                CopiedBytes = Value(9) as long?, Phase = Value(10) as string,
            });
        }
        return moves;

        object? Value(int column) => row.GetValue(column) is var value && value is DBNull ? null : value;
    }

    private static NpgsqlParameter Name(string? value) =>
        new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Name };
}
