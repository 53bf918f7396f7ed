using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Validation;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Add-, Set- and Remove-CitusNode; their effect is read from pg_dist_node.</summary>
public sealed class NodeTests : ClusterTest, IClassFixture<ChangedCluster>, IDisposable
{
    private readonly ChangedCluster _changed;

    public NodeTests(ClusterFixture cluster, ChangedCluster changed) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        _changed = changed;
        changed.Execute("CREATE TABLE orders (customer_id bigint PRIMARY KEY, note text)",
            "SELECT create_distributed_table('orders', 'customer_id', shard_count := 6, colocate_with := 'none')",
            "INSERT INTO orders SELECT i, 'note ' || i FROM generate_series(1, 3000) i");
    }

    private int Port => _changed.Ports[3];

    public void Dispose()
    {
        _changed.Execute("SELECT citus_rebalance_stop() FROM pg_dist_background_job WHERE state IN ('scheduled', 'running') LIMIT 1");
        _changed.Execute("DROP TABLE IF EXISTS orders, keyless CASCADE", "CALL citus_cleanup_orphaned_resources()",
            $"SELECT citus_add_node('127.0.0.1', {Port})",
            $"SELECT citus_set_node_property('127.0.0.1', {Port}, 'shouldhaveshards', true)");
    }

    private string Content() => _changed.Scalar<string>("SELECT count(*) || ' ' || sum(hashtext(customer_id || note)::bigint) FROM orders");

    /// <summary>Active and shouldhaveshards of the node, or null.</summary>
    private string? State(int port) => _changed.Rows($"SELECT isactive, shouldhaveshards FROM pg_dist_node WHERE nodeport = {port}")
        .SingleOrDefault();

    private int GroupOf(int port) => _changed.Scalar<int>($"SELECT groupid FROM pg_dist_node WHERE nodeport = {port}");

    private long Records(int group) => _changed.Scalar<long>($"SELECT count(*) FROM pg_dist_cleanup WHERE node_group_id = {group}");

    [Fact]
    public void A_node_with_the_last_copy_of_a_shard_is_removed_only_once_it_is_drained()
    {
        string before = Content();
        Exception refused = Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Confirm:$false").Failed("CitusNodeHasShards").Exception;
        Assert.Contains("the only copy of 2 shard(s), of orders", refused.Message);
        Assert.Contains($"Remove-CitusNode '127.0.0.1' {Port} -Drain", refused.Message);

        PSObject plan = Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Drain -WhatIf").Single;
        string[] sql = [.. (IEnumerable<string>)plan.Get("Sql")!];
        Assert.Equal(6, sql.Length);
        Assert.Contains("'shouldhaveshards', false", sql[0]);
        Assert.All(sql[1..3], s => Assert.StartsWith("SELECT pg_catalog.citus_move_shard_placement(", s));
        Assert.Equal("(t,t)", State(Port));

        int group = GroupOf(Port);
        Assert.Empty(Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Drain -Confirm:$false").Succeeded().Output);

        Assert.Null(State(Port));
        Assert.Equal(0L, Records(group));
        Assert.DoesNotContain(_changed.Node(3), _changed.NodesOf("orders"));
        Assert.Equal(before, Content());

        PSObject added = Shell.Run($"Add-CitusNode 127.0.0.1 {Port}").Single;
        Assert.Equal((Port, true, true, true),
            (added.Get("NodePort"), added.Get("IsActive"), added.Get("ShouldHaveShards"), added.Get("Reachable")));
        Assert.Equal("(t,t)", State(Port));
        Assert.Contains("it is so already", string.Join(' ', Shell.Run($"Add-CitusNode 127.0.0.1 {Port} -Verbose").Succeeded().Verbose));
        Shell.Run("Start-ShardRebalance -Wait -Timeout 120").Succeeded();
        Assert.Contains(_changed.Node(3), _changed.NodesOf("orders"));
        Assert.Equal(before, Content());
    }

    [Fact]
    public void A_drain_needs_somewhere_to_go_and_a_replica_identity()
    {
        _changed.Execute("CREATE TABLE keyless (id bigint)",
            "SELECT create_distributed_table('keyless', 'id', shard_count := 6, colocate_with := 'none')");
        Assert.Contains("ALTER TABLE keyless REPLICA IDENTITY FULL;",
            Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Drain -WhatIf").Failed("CitusTransferRefused").Exception.Message);
        Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Drain -TransferMode block_writes -WhatIf").Succeeded();
        foreach (int other in _changed.Ports[1..3]) Shell.Run($"Set-CitusNode 127.0.0.1 {other} -ShouldHaveShards $false").Succeeded();
        try
        {
            string refused = Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Drain -TransferMode block_writes -WhatIf").Errors.Single().Exception.Message;
            Assert.Contains("have no other node to go to", refused);
        }
        finally
        {
            Shell.Run("Get-CitusNode | Where-Object Role -EQ Worker | Set-CitusNode -ShouldHaveShards $true").Succeeded();
        }
        Assert.All(_changed.Ports[1..], p => Assert.Equal("(t,t)", State(p)));
        Assert.Contains("is the coordinator", Shell.Run($"Remove-CitusNode 127.0.0.1 {_changed.Ports[0]} -WhatIf")
            .Failed("CitusNodeUnsuitable").Exception.Message);
        Assert.Contains(_changed.Node(1), Shell.Run("Remove-CitusNode nowhere -WhatIf").Failed("CitusNodeNotFound").Exception.Message);
        Assert.Contains("reaches no server at 127.0.0.1:1", Shell.Run("Add-CitusNode 127.0.0.1 1 -WhatIf")
            .Failed("CitusNodeUnsuitable").Exception.Message);
    }

    [Fact]
    public void A_node_changes_its_address_and_is_disabled_and_enabled()
    {
        string before = Content();
        // The coordinator has its password for 127.0.0.1 only.
        string passwords = Path.Combine(_changed.Folder, "pgpass");
        File.AppendAllText(passwords, $"localhost:*:*:*:{File.ReadAllText(passwords).Trim().Split(':')[^1]}\n");
        Assert.Equal("localhost", Shell.Run($"Set-CitusNode 127.0.0.1 {Port} -Address localhost:{Port}").Single.Get("NodeName"));
        Assert.Equal("(localhost)", Assert.Single(_changed.Rows($"SELECT nodename FROM pg_dist_node WHERE nodeport = {Port}")));
        Assert.Equal(before, Content());
        Assert.Contains("is a node of the cluster already",
            Shell.Run($"Set-CitusNode localhost {Port} -Address {_changed.Node(1)}").Failed("CitusNodeExists").Exception.Message);
        Assert.Contains("is no address", Shell.Run($"Set-CitusNode localhost {Port} -Address host")
            .Failed("CitusInvalidArgument").Exception.Message);
        Shell.Run($"Set-CitusNode localhost {Port} -Address 127.0.0.1:{Port}").Succeeded();

        Assert.Contains("no query could read", Shell.Run($"Set-CitusNode 127.0.0.1 {Port} -Enabled $false")
            .Failed("CitusNodeHasShards").Exception.Message);
        Shell.Run($"Set-CitusNode 127.0.0.1 {Port} -ShouldHaveShards $false; Start-ShardRebalance -DrainOnly -Wait").Succeeded();
        Assert.Equal(false, Shell.Run($"Set-CitusNode 127.0.0.1 {Port} -Enabled $false").Single.Get("IsActive"));
        Assert.Equal("(f,f)", State(Port));
        long shard = _changed.ShardsOf("orders")[0];
        string message = Shell.Run($"Move-ShardPlacement {shard} 127.0.0.1:{Port}").Failed("CitusNodeUnsuitable").Exception.Message;
        Shell.Run(message[message.IndexOf("Set-CitusNode", StringComparison.Ordinal)..]).Succeeded();
        Assert.Equal("(t,f)", State(Port));
        message = Shell.Run($"Move-ShardPlacement {shard} 127.0.0.1:{Port}").Failed("CitusNodeUnsuitable").Exception.Message;
        Shell.Run(message[message.IndexOf("Set-CitusNode", StringComparison.Ordinal)..]).Succeeded();
        Shell.Run($"Move-ShardPlacement {shard} 127.0.0.1:{Port}").Succeeded();
        Assert.Equal(before, Content());
    }

    [Fact]
    public void A_changed_address_is_on_all_nodes_before_the_next_change()
    {
        string address = $"127.0.0.1:{Port}";
        string passwords = Path.Combine(_changed.Folder, "pgpass");
        File.AppendAllText(passwords, $"localhost:*:*:*:{File.ReadAllText(passwords).Trim().Split(':')[^1]}\n");
        for (int round = 0; round < 5; round++)
        {
            PSObject node = Shell.Run($"Set-CitusNode 127.0.0.1 {Port} -Address localhost:{Port} -ShouldHaveShards $false").Single;
            Assert.Equal(("localhost", false, true), (node.Get("NodeName"), node.Get("ShouldHaveShards"), node.Get("MetadataSynced")));
            Assert.All(_changed.Ports, p => Assert.Equal("(localhost,f)",
                Assert.Single(_changed.Rows($"SELECT nodename, shouldhaveshards FROM pg_dist_node WHERE nodeport = {Port}", p))));
            Shell.Run($"Set-CitusNode localhost {Port} -Address {address} -ShouldHaveShards $true").Succeeded();
            _changed.Execute("ALTER TABLE orders ALTER note SET DEFAULT 'none'");
        }
    }

    [Fact]
    public void A_node_goes_only_once_what_was_moved_off_it_is_dropped_there()
    {
        string shard = _changed.Rows($"SELECT 'orders_' || shardid FROM pg_dist_placement JOIN pg_dist_shard USING (shardid) WHERE "
            + $"logicalrelid = 'orders'::regclass AND groupid = {GroupOf(Port)}")[0].Trim('(', ')');
        using (NpgsqlConnection node = _changed.Open(Port))
        using (NpgsqlTransaction reader = node.BeginTransaction())
        {
            new NpgsqlCommand($"SELECT count(*) FROM {shard}", node, reader).ExecuteScalar();
            Shell.Run($"Set-CitusNode 127.0.0.1 {Port} -ShouldHaveShards $false; Start-ShardRebalance -DrainOnly -TransferMode block_writes -Wait").Succeeded();
            string refused = Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Confirm:$false").Errors.Single().Exception.Message;
            Assert.Contains($"shards that were moved off 127.0.0.1:{Port} could not be dropped there yet", refused);
            Assert.Contains("Once these have ended, run the same command again.", refused);
            Assert.Equal("(t,f)", State(Port));
        }
        int group = GroupOf(Port);
        Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Confirm:$false").Succeeded();
        Assert.Null(State(Port));
        Assert.Equal(0L, Records(group));
        Shell.Run($"Add-CitusNode 127.0.0.1 {Port}; Start-ShardRebalance -Wait -Timeout 60").Succeeded();
        Assert.Contains(_changed.Node(3), _changed.NodesOf("orders"));
    }

    [Theory]
    [InlineData("Move-ShardPlacement {shard} 127.0.0.1:{port}")]
    [InlineData("Split-Shard {shard} -ToNode 127.0.0.1:{port}")]
    [InlineData("Split-Tenant orders 1 -ToNode 127.0.0.1:{port}")]
    [InlineData("Move-DistributedSchema tenant 127.0.0.1:{port}")]
    [InlineData("Remove-CitusNode 127.0.0.1 {other} -Drain")]
    public void A_node_that_was_added_gets_the_reference_tables_before_shards_move(string command)
    {
        int other = _changed.Ports[2];
        _changed.Execute("CREATE TABLE countries (code text PRIMARY KEY)", "SELECT create_reference_table('countries')",
            "INSERT INTO countries VALUES ('nl'), ('pl')", "CREATE SCHEMA tenant", "SELECT citus_schema_distribute('tenant')",
            "CREATE TABLE tenant.notes (id int PRIMARY KEY)");
        try
        {
            Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Drain -Confirm:$false; Add-CitusNode 127.0.0.1 {Port}").Succeeded();
            command = command.Replace("{port}", $"{Port}", StringComparison.Ordinal).Replace("{other}", $"{other}", StringComparison.Ordinal)
                .Replace("{shard}", $"{_changed.ShardsOf("orders")[0]}", StringComparison.Ordinal);

            _changed.Execute("ALTER TABLE countries DROP CONSTRAINT countries_pkey");
            string refused = Shell.Run(command + " -WhatIf").Failed("CitusTransferRefused").Exception.Message;
            Assert.Contains("countries can't be copied while rows are updated or deleted", refused);
            string identity = System.Text.RegularExpressions.Regex.Match(refused, "ALTER TABLE [^;]+;").Value;
            Shell.Run($"{command} -WhatIf -TransferMode block_writes").Succeeded();
            _changed.Execute(identity);

            PSObject plan = Shell.Run(command + " -WhatIf").Single;
            string[] sql = [.. (IEnumerable<string>)plan.Get("Sql")!];
            Assert.Equal("SELECT pg_catalog.replicate_reference_tables('auto'::citus.shard_transfer_mode)", sql[0]);
            Assert.Contains("First the reference tables countries are copied to the nodes that lack them",
                string.Join(' ', (IEnumerable<string>)plan.Get("Locks")!));
            string before = Content();
            Shell.Run($"{command} -Confirm:$false").Succeeded();
            Assert.Equal(before, Content());
            Assert.Equal("(2)", Assert.Single(_changed.Rows("SELECT count(*) FROM countries", Port)));
            Assert.Empty(_changed.Rows("SELECT nodeport FROM pg_dist_node n WHERE NOT EXISTS (SELECT FROM pg_dist_placement p "
                + "JOIN pg_dist_shard s USING (shardid) WHERE logicalrelid = 'countries'::regclass AND p.groupid = n.groupid)"));
            Assert.Equal(1L, _changed.Scalar<long>($"SELECT count(DISTINCT groupid) FROM pg_dist_placement WHERE groupid = {GroupOf(Port)} "
                + "AND shardid NOT IN (SELECT shardid FROM pg_dist_shard WHERE logicalrelid = 'countries'::regclass)"));
        }
        finally
        {
            _changed.Execute($"SELECT citus_add_node('127.0.0.1', {other})", "DROP SCHEMA tenant CASCADE", "DROP TABLE orders, countries");
        }
    }

    [Fact]
    public void A_dead_node_is_kept_while_it_has_the_last_copy_and_removed_once_it_has_none()
    {
        using var dead = new NodeUnderTest(_changed.Folder, "worker3", Port);
        dead.Stop();
        try
        {
            string refused = Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Drain -Confirm:$false")
                .Failed("CitusNodeHasShards").Exception.Message;
            Assert.Contains("does not answer, and has the only copy of 2 shard(s), of orders", refused);
            Assert.Contains($"Set-CitusNode '127.0.0.1' {Port} -Address", refused);
        }
        finally
        {
            dead.Start();
        }
        Shell.Run($"Set-CitusNode 127.0.0.1 {Port} -ShouldHaveShards $false; Start-ShardRebalance -DrainOnly -TransferMode block_writes -Wait").Succeeded();
        string before = Content();
        int group = GroupOf(Port);
        dead.Stop();
        try
        {
            _changed.Execute("INSERT INTO pg_dist_cleanup SELECT nextval('pg_dist_cleanup_recordid_seq'), "
                + $"nextval('pg_dist_operationid_seq'), 1, 'public.orders_999999999', {group}, 1");
            Shell.Run($"Remove-CitusNode 127.0.0.1 {Port} -Confirm:$false").Succeeded();
            Assert.Null(State(Port));
            Assert.Equal(0L, Records(group));
            Assert.Equal(before, Content());
        }
        finally
        {
            dead.Start();
        }
    }

    [Fact]
    public void A_role_without_the_right_is_told_which()
    {
        string password = File.ReadAllText(Path.Combine(_changed.Folder, "pgpass")).Trim().Split(':')[^1];
        _changed.Execute($"CREATE ROLE plain_dba LOGIN PASSWORD '{password}'");
        Shell["as"] = _changed.ConnectionString.Replace("Username=postgres", "Username=plain_dba", StringComparison.Ordinal);
        Shell.Run("$null = Connect-CitusCluster -ConnectionString $as -Name plain").Succeeded();
        try
        {
            Assert.Contains("only a superuser may", Shell.Run($"Set-CitusNode 127.0.0.1 {Port} -ShouldHaveShards $false -Connection plain")
                .Failed("CitusPermissionDenied").Exception.Message);
            Assert.Contains("does not own orders",
                Shell.Run($"Move-ShardPlacement {_changed.ShardsOf("orders")[0]} {_changed.Node(1)} -Connection plain")
                .Failed("CitusPermissionDenied").Exception.Message);
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster plain").Succeeded();
            _changed.Execute("DROP ROLE plain_dba");
        }
    }
}
