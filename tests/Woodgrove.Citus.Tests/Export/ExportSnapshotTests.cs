using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Export;

/// <summary>Read side by side, the shards are of one instant.</summary>
public sealed class ExportSnapshotTests(ClusterFixture cluster, ITestOutputHelper output) : ClusterTest(cluster)
{
    private const int Accounts = 200;

    /// <summary>
    /// Money goes from shard to shard all the while, from the coordinator and from a worker, or while shards move; in
    /// each export it is all there. (Not both: Citus itself loses writes of a worker while a shard moves.)
    /// </summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Transfers_between_shards_are_in_an_export_whole_or_not_at_all(bool fromWorker, bool moves)
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("user_id bigint PRIMARY KEY, cents bigint", "user_id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, 1000 FROM generate_series(1, {Accounts}) i");
        string folder = Directory.CreateDirectory(Path.Combine(Cluster.Folder, table)).FullName;
        using var over = new CancellationTokenSource();
        string coordinator = Cluster.ConnectionString, second = fromWorker ? WorkerConnectionString() : coordinator;
        Task<int>[] writers = [.. new[] { coordinator, coordinator, second, second }.Select(
            (node, i) => TransferAsync(node, table, i, over.Token))];
        Task<int> mover = moves ? MoveShardsAsync(table, over.Token) : Task.FromResult(0);

        const int exports = 40;
        int refused = 0;
        double longest = 0;
        for (int i = 0; i < exports; i++)
        {
            Shell["to"] = Path.Combine(folder, "out.csv");
            RunResult result = Shell.Run($"Export-CitusToCsv {table} $to -NoHeader -Parallel");
            if (result.Single.Get("Consistency")!.ToString() != "Snapshot")
            {
                refused++; // a move was under way; it says so
                Assert.Single(result.Warnings);
                continue;
            }
            longest = Math.Max(longest,
                double.Parse(((string)result.Single.Get("RouteReason")!).Split("waited ")[1].Split(' ')[0], CultureInfo.InvariantCulture));
            string[][] rows = [.. File.ReadLines((string)Shell["to"]!).Select(l => l.Split(','))];
            Assert.Equal(Enumerable.Range(1, Accounts).Select(n => n.ToString(CultureInfo.InvariantCulture)).Order(),
                rows.Select(r => r[0]).Order());
            Assert.Equal(Accounts * 1000L, rows.Sum(r => long.Parse(r[1], CultureInfo.InvariantCulture)));
        }
        await over.CancelAsync();
        int[] transfers = await Task.WhenAll(writers);
        output.WriteLine($"{transfers[0] + transfers[1]} transfers from the coordinator, "
            + $"{transfers[2] + transfers[3]} from {(fromWorker ? "a worker" : "there too")}, {await mover} moves; "
            + $"{exports - refused} snapshots, {refused} not; writers waited {longest} ms at most");
        Assert.All(transfers, t => Assert.InRange(t, 10, int.MaxValue));
        Assert.InRange(refused, 0, moves ? exports / 2 : 0);
        Assert.Equal(Accounts * 1000m, Cluster.Scalar($"SELECT sum(cents) FROM {table}"));
    }

    /// <summary>A transaction that is committed elsewhere and on one node only prepared would be torn by any snapshot.</summary>
    [Fact]
    public async Task A_transaction_in_doubt_on_a_node_stands_against_a_snapshot()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("user_id bigint, cents bigint", "user_id");
        await using NpgsqlConnection node = await OpenNodeAsync(table, out string shard);
        string name = Cluster.NewName("doubt");
        await ExecuteAsync(node, $"BEGIN; INSERT INTO {shard} VALUES (1, 1); PREPARE TRANSACTION '{name}'");
        try
        {
            Shell["to"] = Path.Combine(Cluster.Folder, "doubt.csv");
            Assert.Contains("prepared and not yet committed", Assert.Single(Shell.Run($"Export-CitusToCsv {table} $to -Parallel").Warnings),
                StringComparison.Ordinal);
        }
        finally
        {
            await ExecuteAsync(node, $"ROLLBACK PREPARED '{name}'");
        }
        Assert.Equal("Snapshot", Shell.Run($"Export-CitusToCsv {table} $to -Parallel").Single.Get("Consistency")!.ToString());
    }

    /// <summary>Its lock keeps readers away too, so the export has to go on without a snapshot and wait for it.</summary>
    [Fact]
    public async Task A_prepared_TRUNCATE_of_a_shard_stands_against_a_snapshot()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("user_id bigint, cents bigint", "user_id"), name = Cluster.NewName("doubt");
        await using NpgsqlConnection node = await OpenNodeAsync(table, out string shard);
        await ExecuteAsync(node, $"BEGIN; TRUNCATE {shard}; PREPARE TRANSACTION '{name}'");
        using PowerShell export = Export(table);
        Task<PSDataCollection<PSObject>> running = export.InvokeAsync();
        string warning;
        try
        {
            warning = await WarningAsync(export, running);
        }
        finally
        {
            await ExecuteAsync(node, $"ROLLBACK PREPARED '{name}'");
        }
        Assert.Contains("prepared and not yet committed", warning, StringComparison.Ordinal);
        await running;
    }

    [Fact]
    public async Task Who_has_locked_a_shard_is_named_and_holds_writers_up_no_longer_than_the_export_waits()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("user_id bigint, cents bigint", "user_id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, 0 FROM generate_series(1, 100) i");
        await using NpgsqlConnection node = await OpenNodeAsync(table, out string shard);
        await ExecuteAsync(node, $"BEGIN; LOCK TABLE {shard} IN ACCESS EXCLUSIVE MODE");
        using PowerShell export = Export(table);
        Task<PSDataCollection<PSObject>> running = export.InvokeAsync();
        await WaitForAsync(() => (bool)Cluster.Scalar($"SELECT EXISTS (SELECT FROM pg_locks WHERE relation = '{table}'::regclass "
            + "AND mode = 'ShareLock' AND granted)")!);

        var clock = Stopwatch.StartNew();
        long other = (long)Cluster.Scalar("SELECT min(i) FROM generate_series(1::bigint, 100) i "
            + $"WHERE get_shard_id_for_distribution_column('{table}', i) <> {shard.Split('_')[^1]}")!;
        Cluster.Execute($"UPDATE {table} SET cents = 1 WHERE user_id = {other}");

        TimeSpan waited = clock.Elapsed;
        string warning = await WarningAsync(export, running);
        Assert.InRange(waited, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        Assert.Contains($"process {node.ProcessID} held a lock on public.{shard} on 127.0.0.1:{node.Port}, for which readers wait", warning,
            StringComparison.Ordinal);
        await ExecuteAsync(node, "ROLLBACK");
        PSObject result = Assert.Single(await running);
        Assert.Equal(("PerShard", 100L), (result.Get("Consistency")!.ToString(), result.Get("Rows")));
    }

    /// <summary>LOCK TABLE is of the coordinator alone then, unless it is told otherwise.</summary>
    [Fact]
    public async Task A_writer_on_a_worker_is_waited_for_where_the_role_does_not_propagate_DDL()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("user_id bigint, cents bigint", "user_id");
        await using var worker = new NpgsqlConnection(WorkerConnectionString() + ";Pooling=false");
        await worker.OpenAsync(TestContext.Current.CancellationToken);
        await ExecuteAsync(worker, $"BEGIN; INSERT INTO {table} VALUES (1, 1)");
        Shell["server"] = Cluster.ConnectionString + ";Options=-c citus.enable_ddl_propagation=off";
        Shell["to"] = Path.Combine(Cluster.Folder, "alone.csv");

        RunResult result = Shell.Run("$null = Connect-CitusCluster -ConnectionString $server -Name alone; "
            + $"Export-CitusToCsv {table} $to -Parallel -Connection alone; Disconnect-CitusCluster alone");

        Assert.Contains($"a writer, or a move of a shard, held {table} for more than 5 s", Assert.Single(result.Warnings),
            StringComparison.Ordinal);
        Assert.Equal("PerShard", result.Single.Get("Consistency")!.ToString());
        await ExecuteAsync(worker, "ROLLBACK");
    }

    private PowerShell Export(string table)
    {
        Shell["to"] = Path.Combine(Cluster.Folder, $"{table}.csv");
        return Shell.Create($"Export-CitusToCsv {table} $to -Parallel");
    }

    /// <summary>The warning of an export that is still under way.</summary>
    private static async Task<string> WarningAsync(PowerShell export, Task running)
    {
        await WaitForAsync(() => export.Streams.Warning.Count > 0 || running.IsCompleted);
        Assert.False(running.IsCompleted);
        return Assert.Single(export.Streams.Warning).Message;
    }

    private static async Task WaitForAsync(Func<bool> isSo)
    {
        for (var clock = Stopwatch.StartNew(); !isSo(); await Task.Delay(20, TestContext.Current.CancellationToken))
            Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(15));
    }

    /// <summary>A session on the node of a shard, past Citus.</summary>
    private Task<NpgsqlConnection> OpenNodeAsync(string table, out string shard)
    {
        PSObject placement = Shell.Run($"(Get-ShardPlacement {table})[0]").Single;
        shard = $"{table}_{placement.Get("ShardId")}";
        return OpenAsync((int)placement.Get("NodePort")!);

        async Task<NpgsqlConnection> OpenAsync(int port)
        {
            var there = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Port = port, Pooling = false };
            var node = new NpgsqlConnection(there.ConnectionString);
            await node.OpenAsync(TestContext.Current.CancellationToken);
            await ExecuteAsync(node, "SET citus.enable_manual_changes_to_shards = on");
            return node;
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private string WorkerConnectionString()
    {
        int port = (int)Cluster.Scalar("SELECT nodeport FROM pg_dist_node WHERE groupid > 0 AND hasmetadata ORDER BY nodeport LIMIT 1")!;
        return new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Port = port }.ConnectionString;
    }

    private static async Task<int> TransferAsync(string node, string table, int seed, CancellationToken over)
    {
        var random = new Random(seed);
        await using var session = new NpgsqlConnection(node + ";Pooling=false");
        await session.OpenAsync(CancellationToken.None);
        await using var move = new NpgsqlCommand($"UPDATE {table} SET cents = cents + $1 WHERE user_id = $2", session)
            { Parameters = { new() { Value = 1L }, new() { Value = 1L } } };
        await move.PrepareAsync(CancellationToken.None);
        int transfers = 0;
        while (!over.IsCancellationRequested)
        {
            // The lower account first, so that no two transfers wait for each other.
            int from = random.Next(1, Accounts), to = random.Next(from + 1, Accounts + 1);
            try
            {
                await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(CancellationToken.None);
                foreach ((int user, long cents) in new[] { (from, -7L), (to, 7L) })
                {
                    (move.Parameters[0].Value, move.Parameters[1].Value) = (cents, (long)user);
                    await move.ExecuteNonQueryAsync(CancellationToken.None);
                }
                await transaction.CommitAsync(CancellationToken.None);
                transfers++;
            }
            catch (PostgresException e) when (e.SqlState is "40P01" or "0A000" or "55000" or "XX000" or "57014")
            {
                // A move got in its way; nothing of it is committed.
            }
        }
        return transfers;
    }

    private Task<int> MoveShardsAsync(string table, CancellationToken over) => Task.Run(async () =>
    {
        int moves = 0;
        for (; !over.IsCancellationRequested; await Task.Delay(500, CancellationToken.None))
        {
            try
            {
                Cluster.Execute($"""
                    SELECT citus_move_shard_placement(s.shardid, s.nodename, s.nodeport, n.nodename, n.nodeport, 'block_writes')
                    FROM citus_shards s JOIN pg_dist_node n ON n.shouldhaveshards AND n.nodeport <> s.nodeport
                    WHERE s.table_name = '{table}'::regclass ORDER BY random() LIMIT 1
                    """);
                moves++;
            }
            catch (PostgresException e) when (e.SqlState is "40P01" or "55P03")
            {
                // Transfers stood in its way.
            }
        }
        return moves;
    });
}
