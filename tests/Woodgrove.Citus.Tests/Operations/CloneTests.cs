using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Add-, Get- and Complete-CitusNodeClone on real replicas; their effect is read from the catalogs.</summary>
public sealed class CloneTests : ClusterTest, IClassFixture<ChangedCluster>, IDisposable
{
    private readonly ChangedCluster _changed;

    public CloneTests(ClusterFixture cluster, ChangedCluster changed) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        _changed = changed;
        if (changed.Scalar<long>("SELECT count(*) FROM pg_proc WHERE proname = 'citus_add_clone_node'") == 0)
            Assert.Skip("Citus has clones of nodes from 13.2 on");
        Shell.Run("Repair-CitusCluster -OlderThan 0 -Confirm:$false").Succeeded(); // a clone that has left leaves records
        changed.Execute("CREATE TABLE orders (customer_id bigint, order_id bigint, note text, PRIMARY KEY (customer_id, order_id))",
            "SELECT create_distributed_table('orders', 'customer_id', shard_count := 12, colocate_with := 'none')",
            "CREATE TABLE \"Order Lines\" (customer_id bigint, line int, PRIMARY KEY (customer_id, line))",
            "SELECT create_distributed_table('\"Order Lines\"', 'customer_id', colocate_with := 'orders')",
            "CREATE TABLE colours (id int PRIMARY KEY, name text)", "SELECT create_reference_table('colours')",
            "INSERT INTO orders SELECT i % 200, i, 'note ' || i FROM generate_series(1, 6000) i",
            "INSERT INTO \"Order Lines\" SELECT i, n FROM generate_series(0, 199) i, generate_series(1, 5) n",
            "INSERT INTO colours SELECT i, 'colour ' || i FROM generate_series(1, 10) i");
    }

    public void Dispose()
    {
        if (_changed.Ports.Length == 0) return;
        _changed.Execute("DROP TABLE IF EXISTS orders, \"Order Lines\", colours", "CALL citus_cleanup_orphaned_resources()",
            "SELECT citus_remove_clone_node_with_nodeid(nodeid) FROM pg_dist_node WHERE nodeisclone");
        foreach (int port in _changed.Rows("SELECT nodeport FROM pg_dist_node").Select(r => int.Parse(r.Trim('(', ')'), null)).Except(_changed.Ports))
            _changed.Execute($"SELECT citus_remove_node('127.0.0.1', {port})");
    }

    private string Primary => _changed.Node(1);

    [Fact]
    public void A_clone_takes_over_its_part_of_the_shards_without_a_copy()
    {
        string[] before = Answers();
        string checks = Checks();
        using CopiedServer replica = CopiedServer.Start(_changed.Server(1), isStandby: true);
        string add = $"Add-CitusNodeClone 127.0.0.1 {replica.Port} -Primary {Primary}", digest = _changed.Digest();
        string[] sql = Sql($"{add} -WhatIf");
        Assert.Equal(digest, _changed.Digest());

        PSObject clone = Ran(sql, add).Single;

        Assert.Equal($"(f,t,unavailable,{NodeId(_changed.Ports[1])})",
            Assert.Single(_changed.Rows($"SELECT isactive, nodeisclone, noderole, nodeprimarynodeid FROM pg_dist_node WHERE nodeport = {replica.Port}")));
        Assert.Equal((Primary, "streaming", 8), (clone.Get("Primary"), clone.Get("State"), Shards(clone).Length));
        Assert.Equal("Clone", Shell.Get("Get-CitusNode").Single(n => n.Get("NodePort") is int port && port == replica.Port).Get("Role"));
        Assert.Contains("it is so already", string.Join(' ', Shell.Run($"{add} -Verbose").Succeeded().Verbose));
        Assert.Equal(checks, Checks());
        Assert.Equal(before, Answers());
        RefusesWhatOnlyNodesTake(replica.Port);

        clone = Shell.Run("Get-CitusNodeClone").Single;
        (long Shard, string Node)[] planned = [.. Shards(clone).Select(s => ((long)s.Get("ShardId")!, (string)s.Get("Node")!))];
        Assert.Equal((4, 4), (clone.Get("Takes"), clone.Get("Leaves")));
        Assert.InRange((long)clone.Get("TakesBytes")!, 1, 10 << 20);
        string complete = $"Complete-CitusNodeClone 127.0.0.1 {replica.Port}";
        digest = _changed.Digest();
        RunResult trial = Shell.Run($"{complete} -WhatIf");
        Assert.Equal(planned.Where(p => p.Node != Primary).Select(p => p.Shard).Order(),
            ((IEnumerable<long>)trial.Single.Get("Shards")!).Order());
        Assert.Contains("takes over 4 of the 8 shards", trial.Screen, StringComparison.Ordinal);
        Assert.Equal((digest, true), (_changed.Digest(), Scalar(replica.Port, "SELECT pg_is_in_recovery()")));

        PSObject node = Ran([.. (IEnumerable<string>)trial.Single.Get("Sql")!], $"{complete} -Confirm:$false").Single;

        Assert.Equal(("Worker", true, true), (node.Get("Role"), node.Get("IsActive"), node.Get("Reachable")));
        Assert.Equal("(t,t,f,primary)",
            Assert.Single(_changed.Rows($"SELECT isactive, shouldhaveshards, nodeisclone, noderole FROM pg_dist_node WHERE nodeport = {replica.Port}")));
        Assert.Equal(planned.Order(), _changed.Rows("SELECT shardid, nodeport FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) JOIN "
            + $"pg_dist_node USING (groupid) WHERE logicalrelid <> 'colours'::regclass AND nodeport IN ({_changed.Ports[1]}, {replica.Port})")
            .Select(r => r.Trim('(', ')').Split(',')).Select(r => (long.Parse(r[0], null), $"127.0.0.1:{r[1]}")).Order());
        Assert.Equal(false, Scalar(replica.Port, "SELECT pg_is_in_recovery()"));
        Assert.Equal(before, Answers());
        Assert.Equal(before, Answers(replica.Port));
        Assert.Empty(Shell.Get("Get-CitusNodeClone"));

        Shell.Run("Repair-CitusCluster -OlderThan 0 -Confirm:$false").Succeeded();
        Assert.Equal(0L, _changed.Scalar<long>("SELECT count(*) FROM pg_dist_cleanup"));
        Assert.Equal(checks.Replace("NodeSkew Passed", "NodeSkew", StringComparison.Ordinal),
            Checks().Replace("NodeSkew Passed", "NodeSkew", StringComparison.Ordinal)
                .Replace("NodeSkew Warning", "NodeSkew", StringComparison.Ordinal));
        Assert.Equal(before, Answers());
        Shell.Run($"Remove-CitusNode 127.0.0.1 {replica.Port} -Drain -Confirm:$false").Succeeded();
        Assert.Equal(before, Answers());
    }

    [Fact]
    public void What_is_no_streaming_asynchronous_replica_of_the_node_is_refused()
    {
        using CopiedServer other = CopiedServer.Start(_changed.Server(2), isStandby: true),
            promoted = CopiedServer.Start(_changed.Server(1), isStandby: false),
            replica = CopiedServer.Start(_changed.Server(1), isStandby: true, "waited_for");
        string Refused(string address, string primary)
        {
            RunResult run = Shell.Run($"Add-CitusNodeClone {address.Replace(':', ' ')} -Primary {primary} -WhatIf");
            return run.Failed("CitusNodeUnsuitable").Exception.Message;
        }

        Assert.Contains("reaches no server at 127.0.0.1:1", Refused("127.0.0.1:1", Primary));
        Assert.Contains($"is no replica of {Primary}: its system identifier is another", Refused($"127.0.0.1:{other.Port}", Primary));
        Assert.Contains("it replays no other server's log", Refused($"127.0.0.1:{promoted.Port}", Primary));
        Assert.Contains("is the coordinator", Refused($"127.0.0.1:{replica.Port}", _changed.Node(0)));
        Shell.Run($"Add-CitusNodeClone 127.0.0.1 {_changed.Ports[2]} -Primary {Primary} -WhatIf").Failed("CitusNodeExists");

        Scalar(_changed.Ports[1], "ALTER SYSTEM SET synchronous_standby_names = 'waited_for'");
        Scalar(_changed.Ports[1], "SELECT pg_reload_conf()");
        Await(_changed.Ports[1], "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')");
        Assert.Contains("is a synchronous replica", Refused($"127.0.0.1:{replica.Port}", Primary));
        Scalar(_changed.Ports[1], "ALTER SYSTEM RESET synchronous_standby_names");
        Scalar(_changed.Ports[1], "SELECT pg_reload_conf()");
        Await(_changed.Ports[1], "SELECT NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')");

        Shell.Run($"Add-CitusNodeClone 127.0.0.1 {replica.Port} -Primary {Primary}").Succeeded();
        replica.Detach();
        Assert.Null(Shell.Run("Get-CitusNodeClone").Single.Get("State"));
        Assert.Contains("it receives no log at all",
            Shell.Run($"Complete-CitusNodeClone 127.0.0.1 {replica.Port} -WhatIf").Failed("CitusNodeUnsuitable").Exception.Message);
        Assert.Contains("is no clone", Shell.Run($"Complete-CitusNodeClone 127.0.0.1 {_changed.Ports[1]} -WhatIf")
            .Failed("CitusNodeUnsuitable").Exception.Message);
        Assert.Contains("citus_remove_clone_node", Sql($"Remove-CitusNode 127.0.0.1 {replica.Port} -WhatIf")[0]);

        Assert.Empty(Shell.Get($"Remove-CitusNode 127.0.0.1 {replica.Port} -Confirm:$false"));

        Assert.Equal(0L, _changed.Scalar<long>("SELECT count(*) FROM pg_dist_node WHERE nodeisclone"));
        Assert.Equal(true, Scalar(replica.Port, "SELECT pg_is_in_recovery()"));
    }

    /// <summary>LOCK TABLE is of the coordinator alone where DDL is not propagated, unless it is told otherwise.</summary>
    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public void A_completion_that_is_cancelled_while_it_waits_for_writers_can_be_made_again(string propagation)
    {
        string[] before = Answers();
        using CopiedServer replica = CopiedServer.Start(_changed.Server(1), isStandby: true);
        Shell.Run($"Add-CitusNodeClone 127.0.0.1 {replica.Port} -Primary {Primary}").Succeeded();
        Shell["server"] = $"{_changed.ConnectionString};Options=-c citus.enable_ddl_propagation={propagation}";
        Shell.Run("$null = Connect-CitusCluster -ConnectionString $server -Name propagation").Succeeded();
        // A writer that came by another node, where Citus would not wait for it.
        using (NpgsqlConnection writer = _changed.Open(_changed.Ports[2]))
        {
            using (var write = new NpgsqlCommand("BEGIN; UPDATE orders SET note = note", writer)) write.ExecuteNonQuery();
            using PowerShell shell = Shell.Create($"Complete-CitusNodeClone 127.0.0.1 {replica.Port} -Confirm:$false -Connection propagation");
            IAsyncResult running = shell.BeginInvoke();
            Await(_changed.Ports[2], "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass)");
            Assert.False(running.IsCompleted);

            shell.Stop();

            Assert.Equal(false, Scalar(_changed.Ports[2], "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"));
        }
        Assert.Matches(@"Make clone 127.0.0.1:\d+ a node.*: cancelled. Nothing was changed: no statement had begun.",
            Shell.Run("1").Screen);
        Shell.Run("Disconnect-CitusCluster propagation").Succeeded();
        Assert.Equal("streaming", Shell.Run("Get-CitusNodeClone").Single.Get("State"));
        Shell.Run($"Complete-CitusNodeClone 127.0.0.1 {replica.Port} -Confirm:$false").Succeeded();
        Assert.Equal(before, Answers());
        Shell.Run($"Remove-CitusNode 127.0.0.1 {replica.Port} -Drain -Confirm:$false").Succeeded();
        Assert.Equal(before, Answers());
    }

    [Fact]
    public void A_clone_whose_completion_was_rolled_back_after_its_promotion_is_removed_as_the_message_says()
    {
        string[] before = Answers();
        using CopiedServer replica = CopiedServer.Start(_changed.Server(1), isStandby: true);
        Shell.Run($"Add-CitusNodeClone 127.0.0.1 {replica.Port} -Primary {Primary}").Succeeded();
        _changed.Execute("BEGIN", $"SELECT citus_promote_clone_and_rebalance({NodeId(replica.Port)})", "ROLLBACK");
        Assert.Equal(false, Scalar(replica.Port, "SELECT pg_is_in_recovery()"));

        Assert.Equal("promoted", Shell.Run("Get-CitusNodeClone").Single.Get("State"));
        string message = Shell.Run($"Complete-CitusNodeClone 127.0.0.1 {replica.Port} -Confirm:$false")
            .Failed("CitusNodeUnsuitable").Exception.Message;

        Assert.Contains("an attempt to complete it has promoted it", message);
        Assert.Equal(before, Answers());
        Shell.Run(message[message.LastIndexOf("Remove-CitusNode", StringComparison.Ordinal)..] + " -Confirm:$false").Succeeded();
        Assert.Equal(0L, _changed.Scalar<long>("SELECT count(*) FROM pg_dist_node WHERE nodeisclone"));
    }

    private void RefusesWhatOnlyNodesTake(int port)
    {
        foreach (string script in new[]
        {
            $"Move-ShardPlacement {_changed.ShardsOf("orders")[0]} 127.0.0.1:{port}", $"Set-CitusNode 127.0.0.1 {port} -Enabled $true",
            $"Add-CitusNode 127.0.0.1 {port}", $"Add-CitusNodeClone 127.0.0.1 1 -Primary 127.0.0.1:{port}",
        })
            Assert.Contains($"127.0.0.1:{port} is a clone", Shell.Run(script).Failed("CitusNodeUnsuitable").Exception.Message);
    }

    private string[] Sql(string script) => [.. (IEnumerable<string>)Shell.Run(script).Single.Get("Sql")!];

    /// <summary>Runs a script, of which the server logs this SQL.</summary>
    private RunResult Ran(string[] sql, string script)
    {
        int logged = _changed.Log().Length;
        RunResult run = Shell.Run(script).Succeeded();
        Assert.Contains($"execute <unnamed>: {Assert.Single(sql)}", _changed.Log()[logged..], StringComparison.Ordinal);
        return run;
    }

    private static object[] Shards(PSObject clone) => [.. ((System.Collections.IEnumerable)clone.Get("Shards")!).Cast<object>()];

    /// <summary>Each check with its status.</summary>
    private string Checks() => string.Join('\n', Shell.Get("Test-CitusCluster").Select(c => $"{c.Get("Check")} {c.Get("Status")}").Order());

    private int NodeId(int port) => _changed.Scalar<int>($"SELECT nodeid FROM pg_dist_node WHERE nodeport = {port}");

    /// <summary>Multi-shard, router, joined, and of each shard's own rows.</summary>
    private string[] Answers(int? port = null) =>
    [
        .. _changed.Rows("SELECT customer_id, count(*), md5(string_agg(order_id || note, ';' ORDER BY order_id)) FROM orders GROUP BY 1",
            port).Order(),
        .. _changed.Rows("SELECT * FROM orders WHERE customer_id = 7", port).Order(),
        .. _changed.Rows("SELECT count(*), sum(l.line) FROM orders o JOIN \"Order Lines\" l USING (customer_id)", port),
        .. _changed.Rows("SELECT * FROM colours", port).Order(),
        .. _changed.Rows("SELECT count(*) FROM orders o JOIN colours c ON c.id = o.customer_id", port),
    ];

    private object? Scalar(int port, string sql)
    {
        using NpgsqlConnection session = _changed.Open(port);
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }

    private void Await(int port, string condition)
    {
        for (int i = 0; i < 300 && Scalar(port, condition) is not true; i++) Thread.Sleep(100);
        Assert.Equal(true, Scalar(port, condition));
    }
}
