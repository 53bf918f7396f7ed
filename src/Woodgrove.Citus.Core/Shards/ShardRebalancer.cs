using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Jobs;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Shards;

/// <summary>Plans, starts, follows and stops rebalances, which the cluster runs by itself in the background.</summary>
public sealed class ShardRebalancer(CitusConnection connection)
{
    /// <summary>How long between two looks at a rebalance that is waited for.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Receives what delays the moves.</summary>
    public Action<string> Warn { get; init; } = _ => { };

    /// <summary>The moves that it would make now, each of a shard with those that are colocated with it, as the job makes them.</summary>
    /// <exception cref="CitusException">It would be refused.</exception>
    public async Task<IReadOnlyList<ShardMove>> PlanAsync(RebalanceOrder order, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        await RequireIdleAsync(session, order.Strategy, stop);
        IReadOnlyList<ShardMove> moves = await PlanAsync(session, order, stop);
        if (moves.Count == 0) return moves;
        await RequireRoomAsync(session, moves, order, stop);
        // Citus's own refusals come only when a job is made: it is rolled back before anybody sees it.
        await using NpgsqlTransaction dryRun = await session.BeginTransactionAsync(stop);
        await StartAsync(session, order, stop);
        return moves;
    }

    private async Task RequireRoomAsync(NpgsqlConnection session, IReadOnlyList<ShardMove> moves, RebalanceOrder order,
        CancellationToken stop)
    {
        if (!connection.IsCitus) return;
        await RebalanceReadiness.RequireAsync(session, moves, order.TransferMode, stop);
        if (await RebalanceReadiness.DelayAsync(session, order, stop) is { } delay) Warn(delay);
    }

    private async Task<IReadOnlyList<ShardMove>> PlanAsync(NpgsqlConnection session, RebalanceOrder order, CancellationToken stop)
    {
        // The plan's own sizes are those of the metadata, which are 0; the view citus_shards has Citus ask the nodes under their own
        // search paths.
        Dictionary<long, long> sizes = (await ShardSizes.ReadAsync(connection, session, [], _ => { }, stop)).Largest();
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
            return await AskAsync(() => command.ExecuteReaderAsync(stop), stop);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ConnectionFailure && e.InvariantSeverity == "ERROR")
        {
            string reason = await NodeRefusal.ReasonAsync(command.Connection!, e, stop);
            throw ShardErrors.NotPlanned(connection, reason, e);
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
        await RequireIdleAsync(session, order.Strategy, stop);
        IReadOnlyList<ShardMove> moves = await PlanAsync(session, order, stop);
        if (moves.Count == 0) return null;
        await RequireRoomAsync(session, moves, order, stop);
        return await StartAsync(session, order, stop);
    }

    /// <summary>
    /// Asks again where Citus has a session to a node that has been restarted since, and so fails; each failure leaves it one
    /// such session less.
    /// </summary>
    private static async Task<T> AskAsync<T>(Func<Task<T>> ask, CancellationToken stop)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await ask();
            }
            catch (PostgresException e)
                when (attempt < 4 && e.SqlState == PostgresErrorCodes.ConnectionFailure && e.InvariantSeverity == "ERROR")
            {
                await Task.Delay(Pause, stop);
            }
        }
    }

    /// <exception cref="CitusException">A rebalance runs already, or there is no such strategy.</exception>
    internal static async Task RequireIdleAsync(NpgsqlConnection session, string? strategy, CancellationToken stop)
    {
        await CheckStrategyAsync(session, strategy, stop);
        if (await ReadAsync(session, null, stop) is { IsActive: true } running) throw ShardErrors.Running(running);
    }

    private async Task<ShardRebalance?> StartAsync(NpgsqlConnection session, RebalanceOrder order, CancellationToken stop)
    {
        // The job would start, and each of its moves fail.
        if (order.TransferMode != "block_writes" && connection.IsCitus
            && await OutputPlugins.AdviceAsync(session, stop) is { } first)
        {
            throw ShardErrors.NoLogicalReplication(first);
        }
        await using var command = new NpgsqlCommand("SELECT pg_catalog.citus_rebalance_start($1, $2, "
            + $"$3::citus.shard_transfer_mode{order.Further})", session)
        {
            CommandTimeout = 0,
            Parameters = { Name(order.Strategy), new() { Value = order.DrainOnly }, new() { Value = order.TransferMode } },
        };
        try
        {
            return await AskAsync(() => command.ExecuteScalarAsync(stop), stop) is long job and > 0
                ? await ReadAsync(session, job, CancellationToken.None) : null; // it runs now, whether or not Ctrl+C comes
        }
        catch (PostgresException e) when (order.Further.Length > 0 && e.SqlState == PostgresErrorCodes.UndefinedFunction)
        {
            throw ShardErrors.NotParallel(connection, e);
        }
        catch (PostgresException e)
            when (e.SqlState is PostgresErrorCodes.ObjectNotInPrerequisiteState or PostgresErrorCodes.FeatureNotSupported)
        {
            throw ShardErrors.NotStarted(e);
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
            : throw ShardErrors.NoRebalance(jobId);
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
    public async Task<ShardRebalance> RunningAsync(CancellationToken stop)
    {
        ShardRebalance? last = await FindAsync(null, stop);
        return last is { IsActive: true } ? last : throw ShardErrors.NoneRuns(last);
    }

    /// <summary>Names of strategies, for completion.</summary>
    public static async Task<IReadOnlyList<string>> StrategiesAsync(CitusConnection connection, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        return await StrategiesAsync(session, stop);
    }

    private static async Task<IReadOnlyList<string>> StrategiesAsync(NpgsqlConnection session, CancellationToken stop)
    {
        return await session.ListAsync("SELECT name::text FROM pg_catalog.pg_dist_rebalance_strategy ORDER BY 1",
            row => row.GetString(0), stop);
    }

    private static async Task CheckStrategyAsync(NpgsqlConnection session, string? strategy, CancellationToken stop)
    {
        if (strategy is null || await StrategiesAsync(session, stop) is var known && known.Contains(strategy)) return;
        throw ShardErrors.NoStrategy(strategy, known);
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
            job = new ShardRebalance(row.GetInt64(0), Enum.Parse<JobState>(row.GetString(1), ignoreCase: true), 0, [],
                await row.IsDBNullAsync(2, stop) ? null : row.GetFieldValue<DateTimeOffset>(2),
                await row.IsDBNullAsync(3, stop) ? null : row.GetFieldValue<DateTimeOffset>(3));
        }
        IReadOnlyList<ShardMove> moves = await AskAsync(() => ReadMovesAsync(session, job.JobId, stop), stop);
        return job with { Moves = moves.ToListing(), Done = moves.Count(m => m is { State: "done", ShardId: not null }) };
    }

    /// <summary>
    /// A task's own text names the shard and the nodes by number; the session that runs it reports how far it is, for
    /// each colocated shard.
    /// </summary>
    private static async Task<IReadOnlyList<ShardMove>> ReadMovesAsync(NpgsqlConnection session, long jobId, CancellationToken stop)
    {
        return await session.ListAsync($"""
            WITH progress AS MATERIALIZED (
              SELECT sessionid, sum(source_shard_size)::bigint AS size, sum(target_shard_size)::bigint AS copied, max(status) AS phase
                  FROM pg_catalog.get_rebalance_progress() GROUP BY 1)
            SELECT t.task_id, t.status::text, coalesce(t.retry_count, 0), CASE
                WHEN t.status <> 'done' THEN nullif(rtrim(t.message, E'\n'), '') END, m[1]::bigint, {SearchPath.Show("s.logicalrelid")},
                   f.nodename || ':' || f.nodeport, g.nodename || ':' || g.nodeport, p.size, p.copied, p.phase,
                   {TaskWaits.InState}, {TaskWaits.WaitsFor}
            FROM pg_catalog.pg_dist_background_task t
            CROSS JOIN LATERAL pg_catalog.regexp_match(t.command, 'citus_move_shard_placement\((\d+),(\d+),(\d+),') m
            LEFT JOIN pg_catalog.pg_dist_shard s ON s.shardid = m[1]::bigint
            LEFT JOIN pg_catalog.pg_dist_node f ON f.nodeid = m[2]::int
            LEFT JOIN pg_catalog.pg_dist_node g ON g.nodeid = m[3]::int
            LEFT JOIN progress p ON p.sessionid = t.pid AND t.status = 'running'
            WHERE t.job_id = $1 ORDER BY t.task_id
            """, row => new ShardMove(row.TextOrNull(5), NumberOrNull(row, 4), row.TextOrNull(6), row.TextOrNull(7), row.GetString(1))
            {
                TaskId = row.GetInt64(0), Retries = row.GetInt32(2), Message = row.TextOrNull(3), SizeBytes = NumberOrNull(row, 8),
                CopiedBytes = NumberOrNull(row, 9), Phase = row.TextOrNull(10),
                InState = row.IsDBNull(11) ? null : row.GetTimeSpan(11), WaitsFor = row.TextOrNull(12),
            }, stop, jobId);

        static long? NumberOrNull(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);
    }

    private static NpgsqlParameter Name(string? value) =>
        new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Name };
}
