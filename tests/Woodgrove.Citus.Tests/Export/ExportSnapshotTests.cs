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
        PSObject shard = Shell.Run($"(Get-ShardPlacement {table})[0]").Single;
        var there = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Port = (int)shard.Get("NodePort")!, Pooling = false };
        await using var node = new NpgsqlConnection(there.ConnectionString);
        await node.OpenAsync(TestContext.Current.CancellationToken);
        string name = Cluster.NewName("doubt");
        await using (var prepare = new NpgsqlCommand($"BEGIN; INSERT INTO {table}_{shard.Get("ShardId")} VALUES (1, 1); "
            + $"PREPARE TRANSACTION '{name}'", node)) await prepare.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        try
        {
            Shell["to"] = Path.Combine(Cluster.Folder, "doubt.csv");
            Assert.Contains("prepared and not yet committed", Assert.Single(Shell.Run($"Export-CitusToCsv {table} $to -Parallel").Warnings),
                StringComparison.Ordinal);
        }
        finally
        {
            await using var end = new NpgsqlCommand($"ROLLBACK PREPARED '{name}'", node);
            await end.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
        Assert.Equal("Snapshot", Shell.Run($"Export-CitusToCsv {table} $to -Parallel").Single.Get("Consistency")!.ToString());
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
