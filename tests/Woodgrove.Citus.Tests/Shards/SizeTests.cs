using System.Diagnostics;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Sizes: when they are read, that they are right, and that nobody waits for them.</summary>
public sealed class SizeTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void Sizes_of_all_are_read_where_they_are_asked_for_and_are_those_on_the_nodes()
    {
        string table = Filled();

        Assert.Null(Shell.Get("Get-DistributedTable").Single(t => t.Get("Table") is string name && name == table).Get("SizeBytes"));
        Assert.All(Shell.Get("Get-ShardPlacement"), p => Assert.Null(p.Get("SizeBytes")));
        Assert.All(Shell.Get("Get-CitusNode").Concat(Shell.Get($"Get-Colocation {table}")), n => Assert.Null(n.Get("SizeBytes")));

        object? size = Cluster.Scalar($"SELECT sum(shard_size)::bigint FROM citus_shards WHERE table_name = '{table}'::regclass");
        Assert.Equal(size, Shell.Run($"Get-DistributedTable {table}").Single.Get("SizeBytes"));
        Assert.Equal(size, Shell.Get("Get-DistributedTable -Size").Single(t => t.Get("Table") is string name && name == table)
            .Get("SizeBytes"));
        Assert.Equal(size, Shell.Run($"Get-Colocation {table} -Size").Single.Get("SizeBytes"));
        // Of its own table only: vacuum may shorten those of other tests at any moment.
        IReadOnlyList<PSObject> all = Shell.Get("Get-ShardPlacement -Size -IncludeModule");
        Assert.All(all, p => Assert.NotNull(p.Get("SizeBytes")));
        Assert.Equal(Cluster.Scalar("SELECT string_agg(shard_size::text, ' ' ORDER BY shardid) FROM citus_shards WHERE table_name = "
            + $"'{table}'::regclass"),
            string.Join(' ', all.Where(p => p.Get("Table") is string name && name == table).OrderBy(p => (long)p.Get("ShardId")!)
                .Select(p => p.Get("SizeBytes"))));
        IReadOnlyList<PSObject> nodes = Shell.Get("Get-CitusNode -Size");
        Assert.InRange(nodes.Sum(n => (long)n.Get("SizeBytes")!), (long)size!, long.MaxValue);
        Assert.Equal(all.Count, nodes.Sum(n => (long)n.Get("ShardCount")!));
    }

    [Fact]
    public async Task A_table_that_another_session_holds_for_itself_keeps_nobody_waiting()
    {
        string table = Filled(), free = Filled();
        await using NpgsqlConnection holder = await Cluster.Database.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using NpgsqlTransaction held = await holder.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var change = new NpgsqlCommand($"ALTER TABLE {table} ADD COLUMN more int", holder);
        await change.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var watch = Stopwatch.StartNew();
        RunResult placement = Shell.Run($"Get-ShardPlacement {table} -Value 5");
        Assert.Null(placement.Single.Get("SizeBytes"));
        Assert.Contains("locked", Assert.Single(placement.Warnings), StringComparison.Ordinal);
        Assert.Null(Shell.Run($"Get-DistributedTable {table} -WarningAction SilentlyContinue").Single.Get("SizeBytes"));
        Assert.NotNull(Shell.Run($"Get-DistributedTable {free}").Single.Get("SizeBytes"));
        Assert.Contains(Shell.Get("Get-CitusNode -Size -WarningAction SilentlyContinue"), n => n.Get("SizeBytes") is null);
        if (Cluster.IsCitus)
            Assert.Equal("MultiShard", Shell.Run($"Get-CitusQueryPlan 'SELECT count(*) FROM {free}'").Single.Get("Execution")!.ToString());
        Assert.Contains("is locked", Shell.Run($"Measure-ShardSkew {table}").Failed("CitusShardFailed").Exception.Message,
            StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(60));
    }

    private string Filled()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY, text text", "id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, repeat('x', 100) FROM generate_series(1, 2000) i");
        return table;
    }
}
