using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Measure-ShardSkew, and the views with bars.</summary>
public sealed class SkewTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void Rows_are_counted_by_shard_node_and_value()
    {
        string table = Filled("CASE WHEN i <= 300 THEN 1 ELSE i END", 1000);

        PSObject skew = Shell.Run($"Measure-ShardSkew {table} -By Rows").Single;

        Assert.Equal((table, "user_id", 4, 1000L),
            (skew.Get("Table"), skew.Get("DistributionColumn"), skew.Get("ShardCount"), skew.Get("Total")));
        Assert.Equal(701L, skew.Get("DistinctValues"));
        object heaviest = ((System.Collections.IEnumerable)skew.Get("HeaviestValues")!).Cast<object>().Single();
        Assert.Equal(("1", 300L, 0.3), (heaviest.Get("Value"), heaviest.Get("Rows"), heaviest.Get("Share")));
        Assert.Equal(Cluster.Scalar($"SELECT get_shard_id_for_distribution_column('{table}', 1::bigint)"), heaviest.Get("ShardId"));
        foreach (object shard in (System.Collections.IEnumerable)skew.Get("Shards")!)
        {
            object? rows = Cluster.Scalar($"SELECT result::bigint FROM run_command_on_shards('{table}', "
                + $"'SELECT count(*) FROM %s') WHERE shardid = {shard.Get("ShardId")}");
            Assert.Equal((rows, Cluster.Scalar($"SELECT nodeport FROM citus_shards WHERE shardid = {shard.Get("ShardId")}")),
                (shard.Get("Amount"), shard.Get("NodePort")));
        }
        Assert.Equal(1000L, ((System.Collections.IEnumerable)skew.Get("Nodes")!).Cast<object>().Sum(n => (long)n.Get("Amount")!));
        Assert.Equal(Cluster.IsCitus ? 2 : 1, ((System.Collections.IEnumerable)skew.Get("Nodes")!).Cast<object>().Count());
        Assert.Equal("IsolateTenant", skew.Get("Recommendation")!.ToString());
    }

    [Fact]
    public void Bytes_are_those_on_disk_and_heavy_values_those_of_the_statistics()
    {
        string table = Filled("CASE WHEN i <= 40000 THEN 1 ELSE i END", 80_000);
        Cluster.Execute($"ANALYZE {table}");

        PSObject skew = Shell.Run($"Measure-ShardSkew {table}").Single;

        Assert.Equal("Bytes", skew.Get("By")!.ToString());
        Assert.Equal(Cluster.Scalar($"SELECT sum(shard_size)::bigint FROM citus_shards WHERE table_name = '{table}'::regclass"),
            skew.Get("Total"));
        Assert.Equal(Cluster.Scalar($"SELECT max(shard_size)::bigint FROM citus_shards WHERE table_name = '{table}'::regclass"),
            skew.Get("Largest"));
        object heaviest = ((System.Collections.IEnumerable)skew.Get("HeaviestValues")!).Cast<object>().First();
        Assert.Equal("1", heaviest.Get("Value"));
        Assert.InRange((double)heaviest.Get("Share")!, 0.47, 0.53);
    }

    [Theory]
    [InlineData("Rows")]
    [InlineData("Bytes")]
    public void Every_node_that_keeps_a_copy_of_a_shard_has_it(string by)
    {
        Cluster.RequireCitus();
        string table = Cluster.CreateTable("id bigint, note text");
        Cluster.Execute($"SET citus.shard_replication_factor = 2; SELECT create_distributed_table('{table}', 'id', "
            + "colocate_with := 'none', shard_count := 4)");
        Cluster.Execute($"INSERT INTO {table} SELECT i, repeat('x', 1000) FROM generate_series(1, 8000) i");

        PSObject skew = Shell.Run($"Measure-ShardSkew {table} -By {by}").Single;

        Assert.Equal(("Balanced", 1.0), (skew.Get("Verdict")!.ToString(), skew.Get("NodeMaxToMean")));
        Assert.Equal([4, 4], ((System.Collections.IEnumerable)skew.Get("Nodes")!).Cast<object>().Select(n => (int)n.Get("ShardCount")!));
        if (by == "Rows") Assert.Equal(8000L, skew.Get("Total"));
    }

    [Fact]
    public void A_partitioned_table_has_the_bytes_of_its_partitions()
    {
        Cluster.RequireCitus();
        string table = Cluster.NewName();
        Cluster.Execute($"CREATE TABLE {table} (id bigint, day date, note text) PARTITION BY RANGE (day)");
        Cluster.AtEnd($"DROP TABLE {table}");
        Cluster.Execute($"CREATE TABLE {table}_a PARTITION OF {table} FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); "
            + $"CREATE TABLE {table}_b PARTITION OF {table} DEFAULT");
        Cluster.Execute($"SELECT create_distributed_table('{table}', 'id', colocate_with := 'none', shard_count := 4)");
        Cluster.Execute($"INSERT INTO {table} SELECT i, CASE WHEN i % 2 = 0 THEN date '2024-05-05' ELSE '2020-01-01' END, repeat('x', "
            + "2000) FROM generate_series(1, 8000) i");

        PSObject skew = Shell.Run($"Measure-ShardSkew {table}").Single;

        Assert.Equal(Cluster.Scalar($"SELECT sum(shard_size)::bigint FROM citus_shards WHERE table_name IN ('{table}_a'::regclass, "
            + $"'{table}_b')"), skew.Get("Total"));
        Assert.StartsWith("The largest shard has ", (string)skew.Get("Reason")!, StringComparison.Ordinal);
    }

    [Fact]
    public void Isolating_the_tenant_gives_what_was_predicted()
    {
        Cluster.RequireCitus();
        string table = Filled("CASE WHEN i <= 6000 THEN 1 ELSE i END", 20_000);

        PSObject before = Shell.Run($"Measure-ShardSkew {table} -By Rows").Single;
        Assert.Equal("IsolateTenant", before.Get("Recommendation")!.ToString());
        string isolate = ((string)before.Get("Fix")!).Split('\n')[0];
        Assert.EndsWith(" -TransferMode block_writes", isolate); // the table has no key
        Assert.Contains("-TransferMode block_writes",
            Shell.Run(isolate.Replace(" -TransferMode block_writes", "")).Failed("CitusTransferRefused").Exception.Message);
        Shell.Run(isolate).Succeeded();
        PSObject after = Shell.Run($"Measure-ShardSkew {table} -By Rows").Single;

        long[] others = [.. ((System.Collections.IEnumerable)after.Get("Shards")!).Cast<object>().Select(s => (long)s.Get("Amount")!)
            .Where(n => n != 6000)];
        double now = others.Max() / (others.Sum() / 4.0); // of the four shards there were, one is in two parts now
        Assert.InRange((double)before.Get("PredictedMaxToMean")!, now * 0.95, now * 1.05);
        Assert.NotEqual("IsolateTenant", after.Get("Recommendation")!.ToString());
    }

    [Fact]
    public void A_rebalance_gives_what_was_predicted()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("user_id bigint, note text", "user_id");
        // Shards of 10 MB: from PostgreSQL 16 on a COPY, and so a move, may leave half a megabyte of a table unused.
        Cluster.Execute($"INSERT INTO {table} SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 60000) i");
        Cluster.Execute($"""
            DO $$ DECLARE s record; t record; BEGIN
              SELECT nodename, nodeport INTO t FROM citus_shards WHERE table_name = '{table}'::regclass ORDER BY shardid LIMIT 1;
              FOR s IN SELECT shardid, nodename, nodeport FROM citus_shards WHERE table_name = '{table}'::regclass
                  AND nodeport <> t.nodeport LOOP
                PERFORM citus_move_shard_placement(s.shardid, s.nodename, s.nodeport, t.nodename, t.nodeport, 'block_writes');
              END LOOP; END $$
            """);

        PSObject before = Shell.Run($"Measure-ShardSkew {table}").Single;
        Assert.Equal(("Skewed", "Rebalance", 2.0),
            (before.Get("Verdict")!.ToString(), before.Get("Recommendation")!.ToString(), before.Get("NodeMaxToMean")));
        Cluster.Execute($"SELECT rebalance_table_shards('{table}', shard_transfer_mode := 'block_writes')");
        PSObject after = Shell.Run($"Measure-ShardSkew {table}").Single;

        Assert.InRange((double)after.Get("NodeMaxToMean")!, (double)before.Get("PredictedNodeMaxToMean")! - 0.05,
            (double)before.Get("PredictedNodeMaxToMean")! + 0.05);
        Assert.Equal("Balanced", after.Get("Verdict")!.ToString());
    }

    [Fact]
    public void A_column_of_few_values_calls_for_another()
    {
        string table = Cluster.Distribute("event_type text, id bigint", "event_type");
        Cluster.Execute($"INSERT INTO {table} SELECT (ARRAY['SendFunds','RequestFunds','GiftFunds'])[1 + i % 3], "
            + "i FROM generate_series(1, 9000) i");

        PSObject skew = Shell.Run($"Measure-ShardSkew {table} -By Rows").Single;

        Assert.Equal(("Skewed", "OtherColumn"), (skew.Get("Verdict")!.ToString(), skew.Get("Recommendation")!.ToString()));
        Assert.Contains("event_type", (string)skew.Get("Reason")!);
    }

    [Fact]
    public void Tables_from_the_pipeline_are_measured_and_a_reference_table_is_left_out()
    {
        string first = Filled("i", 100), reference = Cluster.CreateTable("id bigint"),
            odd = Cluster.Distribute("\"User Id\" text", "User Id", Cluster.NewName("Odd Na'me"));
        Cluster.Execute($"SELECT create_reference_table('{reference}')");
        Cluster.Execute($"INSERT INTO {ClusterFixture.Quote(odd)} VALUES ('a''b'), ('c')");
        Shell["odd"] = odd;

        RunResult run = Shell.Run($"'{first}', '{reference}', $odd | Measure-ShardSkew -By Rows -Verbose").Succeeded();

        Assert.Equal([100L, 2L], run.Output.OrderByDescending(o => (long)o.Get("Total")!).Select(o => (long)o.Get("Total")!));
        Assert.Contains(run.Verbose, v => v.StartsWith($"{reference} is not distributed by a column", StringComparison.Ordinal));
    }

    [Fact]
    public void All_tables_are_measured_where_none_is_named()
    {
        string first = Filled("i", 10);

        IReadOnlyList<PSObject> all = Shell.Get("Measure-ShardSkew");

        Assert.Contains(all, s => (string)s.Get("Table")! == first);
        Assert.Equal(Cluster.Scalar("SELECT count(*) FROM pg_dist_partition WHERE partmethod = 'h'"), (long)all.Count);
    }

    [Fact]
    public void Bars_show_each_shard_against_the_mean()
    {
        string table = Filled("CASE WHEN i <= 300 THEN 1 ELSE i END", 1000);

        string screen = Shell.Run($"Measure-ShardSkew {table} -By Rows | ForEach-Object Shards | Out-Default").Screen;
        double toMean = (double)Shell.Get($"Measure-ShardSkew {table} -By Rows | ForEach-Object Shards")[0].Get("ToMean")!;

        string line = screen.Split('\n')
            .First(l => l.Contains(Shell.Get($"Get-ShardPlacement {table}")[0].Get("ShardId")!.ToString()!, StringComparison.Ordinal));
        Assert.InRange(line.Count(c => c is '█' or '#'), (int)(toMean * 8) - 1, (int)(toMean * 8) + 1);
    }

    [Fact]
    public void A_placement_knows_its_size_against_the_mean()
    {
        string table = Filled("1", 5000);

        IReadOnlyList<PSObject> all = Shell.Get($"Get-ShardPlacement {table}");
        PSObject one = Shell.Run($"Get-ShardPlacement {table} -Value 1").Single;

        Assert.Equal(4, all.Sum(p => (double)p.Get("ToMean")!), 0.01);
        Assert.Equal(all.Max(p => (double)p.Get("ToMean")!), one.Get("ToMean"));
    }

    private string Filled(string value, int rows)
    {
        string table = Cluster.Distribute("user_id bigint", "user_id");
        Cluster.Execute($"INSERT INTO {table} SELECT {value} FROM generate_series(1, {rows}) i");
        return table;
    }
}
