using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Move-ShardPlacement, Split-Shard and Split-Tenant; their effect is read from the catalogs.</summary>
public sealed class TransferTests : ClusterTest, IClassFixture<ChangedCluster>, IDisposable
{
    private readonly ChangedCluster _changed;

    public TransferTests(ClusterFixture cluster, ChangedCluster changed) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        _changed = changed;
        changed.Execute("CREATE TABLE orders (customer_id bigint, order_id bigint, note text, PRIMARY KEY (customer_id, order_id))",
            "SELECT create_distributed_table('orders', 'customer_id', shard_count := 3, colocate_with := 'none')",
            "CREATE TABLE \"Order Lines\" (customer_id bigint, line int, PRIMARY KEY (customer_id, line))",
            "SELECT create_distributed_table('\"Order Lines\"', 'customer_id', colocate_with := 'orders')",
            "INSERT INTO orders SELECT i % 200, i, 'note ' || i FROM generate_series(1, 6000) i",
            "INSERT INTO \"Order Lines\" SELECT i, n FROM generate_series(0, 199) i, generate_series(1, 5) n");
    }

    public void Dispose() => _changed.Execute("DROP TABLE IF EXISTS orders, \"Order Lines\", keyless CASCADE",
        "CALL citus_cleanup_orphaned_resources()");

    /// <summary>Router, multi-shard, joined and aggregated.</summary>
    private string[] Answers() =>
    [
        .. _changed.Rows("SELECT customer_id, count(*), md5(string_agg(order_id || note, ';' ORDER BY order_id)) FROM orders GROUP BY 1").Order(),
        .. _changed.Rows("SELECT * FROM orders WHERE customer_id = 7").Order(),
        .. _changed.Rows("SELECT count(*), sum(l.line) FROM orders o JOIN \"Order Lines\" l USING (customer_id)"),
        .. _changed.Rows("SELECT count(*) FROM \"Order Lines\" WHERE customer_id IN (1, 7, 150)"),
    ];

    private static string Other(string[] nodes, string[] all) => all.First(n => !nodes.Contains(n));

    private string[] Workers => [_changed.Node(1), _changed.Node(2), _changed.Node(3)];

    [Theory]
    [InlineData("auto")]
    [InlineData("block_writes")]
    public void A_shard_moves_with_those_colocated_with_it_and_no_answer_changes(string mode)
    {
        string[] before = Answers();
        long shard = _changed.ShardsOf("orders")[0];
        string from = _changed.NodesOf("orders")[0], to = Other([from], Workers);

        RunResult run = Shell.Run($"Move-ShardPlacement {shard} {to} -TransferMode {mode} -Verbose").Succeeded();

        Assert.Equal((shard, "orders", to),
            (run.Single.Get("ShardId"), run.Single.Get("Table"), $"{run.Single.Get("NodeName")}:{run.Single.Get("NodePort")}"));
        Assert.Equal((to, to), (_changed.NodesOf("orders")[0], _changed.NodesOf("\"Order Lines\"")[0]));
        Assert.Contains(run.Verbose, v => v.Contains("citus_move_shard_placement", StringComparison.Ordinal));
        Assert.Equal(before, Answers());
        // It is there already: nothing is done, and the placement is told.
        RunResult again = Shell.Run($"Move-ShardPlacement {shard} {to} -Verbose").Succeeded();
        Assert.Equal(shard, again.Single.Get("ShardId"));
        Assert.Contains(again.Verbose, v => v.Contains("it is so already", StringComparison.Ordinal));
    }

    [Fact]
    public void All_shards_of_a_node_move_by_the_pipeline()
    {
        string from = _changed.NodesOf("orders")[0], to = Other([from], Workers);
        string[] before = Answers();

        Shell.Run($"Get-ShardPlacement orders -Node {from} | Move-ShardPlacement -ToNode {to} -TransferMode block_writes").Succeeded();

        Assert.DoesNotContain(from, _changed.NodesOf("orders").Concat(_changed.NodesOf("\"Order Lines\"")));
        Assert.Equal(before, Answers());
    }

    [Fact]
    public void A_plan_says_what_moves_and_who_waits()
    {
        long shard = _changed.ShardsOf("orders")[1];
        string to = Other([_changed.NodesOf("orders")[1]], Workers);

        RunResult run = Shell.Run($"Move-ShardPlacement {shard} {to} -WhatIf").Succeeded();

        PSObject plan = run.Single;
        Assert.Equal(["orders", "\"Order Lines\""], ((IEnumerable<string>)plan.Get("Tables")!));
        Assert.Equal([shard, _changed.ShardsOf("\"Order Lines\"")[1]], (IEnumerable<long>)plan.Get("Shards")!);
        Assert.Equal(_changed.Scalar<long>($"SELECT sum(shard_size)::bigint FROM citus_shards WHERE shardid IN ({shard}, {_changed.ShardsOf("\"Order Lines\"")[1]})"),
            plan.Get("SizeBytes"));
        Assert.Contains("Writes to a shard wait for the last moment only", string.Join(' ', (IEnumerable<string>)plan.Get("Locks")!));
        Assert.Contains("What if: Performing the operation", run.Screen);
    }

    [Fact]
    public void A_move_that_would_be_refused_says_what_to_do()
    {
        _changed.Execute("CREATE TABLE keyless (id bigint, note text)",
            "SELECT create_distributed_table('keyless', 'id', shard_count := 2, colocate_with := 'none')");
        long shard = _changed.ShardsOf("orders")[0], keyless = _changed.ShardsOf("keyless")[0];
        string to = Other([_changed.NodesOf("orders")[0]], Workers), other = Other([_changed.NodesOf("keyless")[0]], Workers);

        Assert.Contains("no shard 5", Shell.Run($"Move-ShardPlacement 5 {to} -WhatIf").Failed("CitusShardNotFound").Exception.Message);
        Assert.Contains(to, Shell.Run($"Move-ShardPlacement {shard} nowhere:1").Failed("CitusNodeNotFound").Exception.Message);
        Assert.Contains("-ShouldHaveShards $true",
            Shell.Run($"Move-ShardPlacement {shard} {_changed.Node(0)}").Failed("CitusNodeUnsuitable").Exception.Message);
        Assert.Contains("has no placement on", Shell.Run($"Move-ShardPlacement {shard} {to} -FromNode {to}")
            .Failed("CitusTransferRefused").Exception.Message);
        Assert.Contains("ALTER TABLE keyless REPLICA IDENTITY FULL;",
            Shell.Run($"Move-ShardPlacement {keyless} {other}").Failed("CitusTransferRefused").Exception.Message);
        _changed.Execute("ALTER TABLE keyless REPLICA IDENTITY FULL");
        Shell.Run($"Move-ShardPlacement {keyless} {other}").Succeeded();
        Assert.Equal(other, _changed.NodesOf("keyless")[0]);
    }

    [Fact]
    public void A_split_at_given_points_puts_every_row_where_the_hash_says()
    {
        string[] before = Answers();
        long shard = _changed.ShardsOf("orders")[1];
        string node = _changed.NodesOf("orders")[1], to = Other([node], Workers);

        RunResult run = Shell.Run($"Split-Shard {shard} -SplitPoint 0, -500000000 -ToNode {to}").Succeeded();

        Assert.Equal(3, run.Output.Count);
        foreach (string table in (string[])["orders", "\"Order Lines\""])
        {
            Assert.Equal(["-715827883 to -500000000", "-499999999 to 0", "1 to 715827881"], Ranges(table)[1..4]);
            Assert.Equal([node, to, to], _changed.NodesOf(table)[1..4]);
            // Each node is asked for the hashes that are in its own shards.
            Assert.Equal("0", _changed.Scalar<string>($"""
                SELECT sum(result::bigint)::text FROM pg_dist_shard s, run_command_on_shards(s.logicalrelid::regclass,
                    'SELECT count(*) FROM %s WHERE NOT worker_hash(customer_id) BETWEEN ' || s.shardminvalue || ' AND ' || s.shardmaxvalue) r
                WHERE s.logicalrelid = '{table}'::regclass AND r.shardid = s.shardid AND r.success
                """));
        }
        Assert.Equal(before, Answers());
    }

    [Fact]
    public void A_split_without_points_divides_the_rows_evenly()
    {
        string[] before = Answers();
        long shard = _changed.ShardsOf("orders")[0];
        long rows = Count(shard);

        RunResult run = Shell.Run($"Split-Shard {shard} -Into 4 -TransferMode block_writes -Verbose").Succeeded();

        long[] parts = [.. run.Output.Select(p => Count((long)p.Get("ShardId")!))];
        Assert.Equal(4, parts.Length);
        Assert.Equal(rows, parts.Sum());
        // A customer has 30 rows, which stay together.
        Assert.All(parts, p => Assert.InRange(p, rows / 4 - 30, rows / 4 + 30));
        Assert.Contains(run.Verbose, v =>
            v.Contains($"its parts will have {string.Join(", ", parts.Select(p => $"{p:N0}"))}.", StringComparison.Ordinal));
        Assert.Equal(before, Answers());

        long Count(long id) => _changed.Scalar<long>($"SELECT result::bigint FROM run_command_on_shards('orders', 'SELECT count(*) FROM %s') WHERE shardid = {id}");
    }

    [Fact]
    public void A_split_that_divides_nothing_is_refused()
    {
        long[] shards = _changed.ShardsOf("orders");

        Assert.Contains("which holds the hashes -715827883 to 715827881",
            Shell.Run($"Split-Shard {shards[1]} -SplitPoint 2000000000 -WhatIf").Failed("CitusSplitRefused").Exception.Message);
        Assert.Contains("given twice", Shell.Run($"Split-Shard {shards[1]} -SplitPoint 1, 1")
            .Failed("CitusSplitRefused").Exception.Message);
        _changed.Execute("TRUNCATE orders", "INSERT INTO orders VALUES (7, 1, 'x')");
        long of7 = (long)Shell.Run("Get-ShardPlacement orders -Value 7").Single.Get("ShardId")!;
        Assert.Contains("All 1 rows", Shell.Run($"Split-Shard {of7}").Failed("CitusSplitRefused").Exception.Message);
        Assert.Equal(2, Shell.Get($"Split-Shard {shards.First(s => s != of7)} -TransferMode block_writes").Count);
    }

    [Fact]
    public void A_tenant_gets_a_shard_of_its_own_in_all_colocated_tables_on_the_chosen_node()
    {
        string[] before = Answers();
        string at = (string)Shell.Run("Get-ShardPlacement orders -Value 7 | ForEach-Object { \"$($_.NodeName):$($_.NodePort)\" }").Single.BaseObject;
        string to = Other([at], Workers);

        PSObject tenant = Shell.Run($"Split-Tenant orders 7 -ToNode {to}").Single;

        Assert.Equal(tenant.Get("HashMin"), tenant.Get("HashMax"));
        Assert.Equal(to, $"{tenant.Get("NodeName")}:{tenant.Get("NodePort")}");
        int place = Array.IndexOf(_changed.ShardsOf("orders"), (long)tenant.Get("ShardId")!);
        Assert.Equal((5, 5, to), (_changed.ShardsOf("orders").Length, _changed.ShardsOf("\"Order Lines\"").Length,
            _changed.NodesOf("\"Order Lines\"")[place]));
        Assert.Equal(before, Answers());
        // A second time there is nothing to do, but for a move.
        Assert.Equal(tenant.Get("ShardId"),
            Shell.Run("Split-Tenant '\"Order Lines\"' 7 | Out-Null; Get-ShardPlacement orders -Value 7").Single.Get("ShardId"));
        Shell.Run($"Split-Tenant orders 7 -ToNode {at} -TransferMode block_writes").Succeeded();
        Assert.Equal(at, _changed.NodesOf("orders")[place]);
        Assert.Equal(before, Answers());
        Assert.Contains("can't be split", Shell.Run($"Split-Shard {_changed.ShardsOf("orders")[place]} -SplitPoint 1")
            .Failed("CitusSplitRefused").Exception.Message);
    }

    [Fact]
    public void A_move_that_is_cancelled_leaves_the_shard_where_it_was_and_says_so()
    {
        long shard = _changed.ShardsOf("orders")[0];
        string from = _changed.NodesOf("orders")[0], to = Other([from], Workers);
        string[] before = Answers();
        using (Npgsql.NpgsqlConnection writer = _changed.Open())
        using (Npgsql.NpgsqlTransaction open = writer.BeginTransaction())
        {
            new Npgsql.NpgsqlCommand("UPDATE orders SET note = note", writer, open).ExecuteNonQuery();
            using PowerShell move = Shell.Create($"Move-ShardPlacement {shard} {to} -TransferMode block_writes");
            IAsyncResult running = move.BeginInvoke();
            const string waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%citus_move_shard_placement(%' AND wait_event_type = 'Lock'";
            for (int i = 0; i < 300 && _changed.Scalar<long>(waiting) == 0; i++) Thread.Sleep(100);
            Assert.NotEqual(0L, _changed.Scalar<long>(waiting));

            move.Stop();

            Assert.Equal(0L, _changed.Scalar<long>(waiting));
            Assert.Equal(from, _changed.NodesOf("orders")[0]);
        }
        Assert.Contains($"Move shard {shard} of orders to {to}: cancelled. Its only statement was rolled back.", Shell.Run("1").Screen);
        Assert.Equal(before, Answers());
        Shell.Run($"Move-ShardPlacement {shard} {to} -TransferMode block_writes").Succeeded();
        Assert.Equal((to, string.Join('\n', before)), (_changed.NodesOf("orders")[0], string.Join('\n', Answers())));
    }

    [Fact]
    public void A_connection_that_is_lost_leaves_an_outcome_that_is_called_unknown()
    {
        long shard = _changed.ShardsOf("orders")[0];
        string to = Other([_changed.NodesOf("orders")[0]], Workers);
        using var proxy = new TcpProxy(_changed.Ports[0]);
        Shell["text"] = new Npgsql.NpgsqlConnectionStringBuilder(_changed.ConnectionString) { Port = proxy.Port }.ConnectionString;
        Shell.Get("$far = Connect-CitusCluster -ConnectionString $text");
        string command = $"Move-ShardPlacement {shard} {to} -TransferMode block_writes -Connection $far";
        proxy.CutAt("citus_move_shard_placement", 0, CutMoment.After);
        try
        {
            string message = Shell.Run(command).Failed("CitusConnectionLost").Exception.Message;

            Assert.Equal(1, proxy.Cuts);
            Assert.Contains("The outcome of statement 1 of 1 is unknown", message, StringComparison.Ordinal);
            Assert.DoesNotContain("rolled back", message, StringComparison.Ordinal);
            // The server carries it out all the same, as the advised command finds.
            Assert.True(SpinWait.SpinUntil(() => _changed.NodesOf("orders")[0] == to, TimeSpan.FromSeconds(60)),
                "the move was not committed");
            Assert.Empty((System.Collections.IEnumerable)Shell.Run($"{command} -WhatIf").Succeeded().Single.Get("Sql")!);
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster $far");
        }
    }

    private string[] Ranges(string table) =>
        [.. _changed.Rows($"SELECT shardminvalue || ' to ' || shardmaxvalue FROM pg_dist_shard WHERE logicalrelid = '{table}'::regclass ORDER BY shardminvalue::int")
            .Select(r => r.Trim('(', ')', '"'))];
}
