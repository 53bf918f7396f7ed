using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>
/// Ctrl+C in the middle of long work, which another session holds up: the servers work no more, the cluster is as Citus leaves
/// it, and the screen says in which state.
/// </summary>
public sealed class CancelTests : ClusterTest, IClassFixture<ChangedCluster>, IDisposable
{
    private readonly ChangedCluster _changed;

    /// <summary>Citus's number of the session that holds the work up.</summary>
    private long _holder;

    public CancelTests(ClusterFixture cluster, ChangedCluster changed) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        _changed = changed;
        changed.Execute("CREATE TABLE orders (customer_id bigint, order_id bigint, note text, PRIMARY KEY (customer_id, order_id))",
            "SELECT create_distributed_table('orders', 'customer_id', shard_count := 6, colocate_with := 'none')",
            "INSERT INTO orders SELECT i % 200, i, 'note ' || i FROM generate_series(1, 6000) i",
            "CREATE SCHEMA tenant", "CREATE TABLE tenant.notes (id bigint PRIMARY KEY, note text)",
            "INSERT INTO tenant.notes SELECT i, 'note ' || i FROM generate_series(1, 500) i", "SELECT citus_schema_distribute('tenant')");
    }

    public void Dispose()
    {
        _changed.Execute("SELECT citus_rebalance_stop() FROM pg_dist_background_job WHERE state IN ('scheduled', 'running') LIMIT 1");
        _changed.Execute("DROP TABLE orders", "DROP SCHEMA tenant CASCADE", "CALL citus_cleanup_orphaned_resources()",
            $"SELECT citus_set_node_property('127.0.0.1', {_changed.Ports[3]}, 'shouldhaveshards', true)");
    }

    [Theory]
    [InlineData("Move-ShardPlacement {shard} {other}", "move", "Move shard {shard} of orders to {other}")]
    [InlineData("Move-ShardPlacement {shard} {other} -TransferMode block_writes", "move", "Move shard {shard} of orders to {other}")]
    [InlineData("Split-Shard {shard}", "move", "Split shard {shard} of orders into 2 parts")]
    [InlineData("Split-Shard {shard} -TransferMode block_writes", "move", "Split shard {shard} of orders into 2 parts")]
    [InlineData("Split-Tenant orders {tenant} -ToNode {other}", "move", "Give customer_id {tenant} of orders a shard of its own")]
    [InlineData("Move-DistributedSchema tenant {away}", "schema", "Move schema tenant to {away}")]
    [InlineData("Set-DistributedTable orders -ShardCount 8", "read", "orders")]
    [InlineData("ConvertTo-LocalTable orders", "read", "orders")]
    public void A_change_that_is_cancelled_is_rolled_back_on_all_nodes_and_says_so(string script, string hold, string action)
    {
        long shard = _changed.ShardsOf("orders")[0];
        string[] workers = [_changed.Node(1), _changed.Node(2), _changed.Node(3)];
        string tenant = _changed.Scalar<string>("SELECT customer_id::text FROM orders WHERE "
            + $"get_shard_id_for_distribution_column('orders', customer_id) = {shard} LIMIT 1");
        string Fill(string text) => text.Replace("{shard}", $"{shard}").Replace("{tenant}", tenant)
            .Replace("{other}", workers.First(n => n != _changed.NodesOf("orders")[0]))
            .Replace("{away}", workers.First(n => n != _changed.NodesOf("tenant.notes")[0]));
        script = Fill(script) + " -Confirm:$false";
        action = Fill(action);
        string[] before = [State(), .. Rows()];
        using (Hold(hold switch
        {
            "read" => "SELECT count(*) FROM orders",
            "schema" => $"SELECT lock_shard_metadata(5, ARRAY[{_changed.ShardsOf("tenant.notes")[0]}::bigint])",
            _ => $"SELECT lock_shard_metadata(5, ARRAY[{shard}::bigint])",
        }))
        {
            string screen = StopWhereHeld(script);

            Assert.Contains(action, screen, StringComparison.Ordinal);
            Assert.Contains("cancelled. ", screen, StringComparison.Ordinal);
            Assert.Contains("rolled back", screen, StringComparison.Ordinal);
            // As it says: a subscription of a shard's copy runs until Citus drops it.
            if (screen.Contains("Repair-CitusCluster drops it", StringComparison.Ordinal)) Shell.Run("Repair-CitusCluster -Confirm:$false").Succeeded();
            AssertIdle();
            string[] after = [State(), .. Rows()];
            Assert.Equal(before, after);
        }
        Shell.Run(script).Succeeded();
        Assert.NotEqual(before[0], State());
        Assert.Equal(before[1..], Rows());
    }

    [Fact]
    public void A_drain_that_is_cancelled_keeps_the_moves_that_are_done_and_goes_on_when_it_is_run_again()
    {
        int port = _changed.Ports[3];
        string drain = $"Remove-CitusNode 127.0.0.1 {port} -Drain -TransferMode block_writes";
        string[] before = Rows(), sql = [.. (IEnumerable<string>)Shell.Run($"{drain} -WhatIf").Single.Get("Sql")!];
        string[] moves = [.. sql.Where(s => s.Contains("citus_move_shard_placement(", StringComparison.Ordinal))];
        string second = moves[1];
        int number = Array.IndexOf(sql, second);
        using (Hold($"SELECT lock_shard_metadata(5, ARRAY[{second.Split('(', ',')[1]}::bigint])"))
        {
            string screen = StopWhereHeld(drain + " -Confirm:$false");

            Assert.Contains($"cancelled. {number} of {sql.Length} statements were committed and stay. Number {number + 1} was rolled back: "
                + second, screen, StringComparison.Ordinal);
            AssertIdle();
            Assert.Equal("(t,f)", Assert.Single(_changed.Rows($"SELECT isactive, shouldhaveshards FROM pg_dist_node WHERE nodeport = {port}")));
            Assert.Equal(moves.Length - 1, OnNode(port));
        }
        Shell.Run(drain + " -Confirm:$false").Succeeded();
        Assert.Equal(0L, _changed.Scalar<long>($"SELECT count(*) FROM pg_dist_node WHERE nodeport = {port}"));
        Assert.Equal(before, Rows());
        Shell.Run($"Add-CitusNode 127.0.0.1 {port}").Succeeded();
    }

    [Theory]
    [InlineData("Start-ShardRebalance -DrainOnly -TransferMode block_writes -Wait", "Stop-ShardRebalance")]
    [InlineData("Wait-ShardRebalance", "Stop-ShardRebalance")]
    [InlineData("Get-CitusJob -Active | Wait-CitusJob", "Stop-CitusJob {job}")]
    public void A_wait_that_is_cancelled_says_that_the_job_continues_and_so_it_does(string wait, string advised)
    {
        string[] before = Rows();
        int port = _changed.Ports[3];
        Shell.Run($"Set-CitusNode 127.0.0.1 {port} -ShouldHaveShards $false").Succeeded();
        object[] moves = [.. Shell.Get("Start-ShardRebalance -DrainOnly -WhatIf")];
        long job;
        using (Hold($"SELECT lock_shard_metadata(5, ARRAY[{moves[1].Get("ShardId")}::bigint])"))
        {
            if (!wait.StartsWith("Start", StringComparison.Ordinal))
                Shell.Run("Start-ShardRebalance -DrainOnly -TransferMode block_writes").Succeeded();

            string screen = StopWhereHeld(wait);

            job = _changed.Scalar<long>("SELECT max(job_id) FROM pg_dist_background_job");
            Assert.Contains($"job {job} is running and continues: 1 of {moves.Length} ", screen, StringComparison.Ordinal);
            Assert.Contains(advised.Replace("{job}", $"{job}"), screen, StringComparison.Ordinal);
            Assert.Equal("running", _changed.Scalar<string>($"SELECT state::text FROM pg_dist_background_job WHERE job_id = {job}"));
        }
        Assert.Equal("Finished", Shell.Run($"Wait-CitusJob {job} -Timeout 120").Single.Get("State")!.ToString());
        Assert.Equal((0L, string.Join('\n', before)), (OnNode(port), string.Join('\n', Rows())));
    }

    private NpgsqlConnection Hold(string sql)
    {
        NpgsqlConnection session = _changed.Open();
        using (var own = new NpgsqlCommand("SELECT citus_backend_gpid()", session)) _holder = (long)own.ExecuteScalar()!;
        using var command = new NpgsqlCommand($"SET application_name = 'holder'; BEGIN; {sql}", session);
        command.ExecuteNonQuery();
        return session;
    }

    /// <summary>Stops a script once its work waits for what is held, and gives what the screen shows.</summary>
    private string StopWhereHeld(string script)
    {
        const string waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        Shell.Run("1");
        using (PowerShell shell = Shell.Create(script))
        {
            IAsyncResult running = shell.BeginInvoke();
            for (int i = 0; i < 300 && _changed.Scalar<long>(waits) == 0 && !running.IsCompleted; i++) Thread.Sleep(100);
            // The errors can only be read to their end, when there is one.
            if (running.IsCompleted) Assert.Fail(string.Join('\n', shell.Streams.Error));
            Assert.NotEqual(0L, _changed.Scalar<long>(waits));
            Thread.Sleep(700); // a wait has seen that, too
            Assert.False(running.IsCompleted);

            shell.Stop();

            Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);
        }
        return Shell.Run("1").Screen;
    }

    /// <summary>No session of any node works, has a transaction open or prepared, but those of the tests.</summary>
    private void AssertIdle()
    {
        foreach (int port in _changed.Ports)
        {
            using NpgsqlConnection session = _changed.Open(port);
            string working = "";
            for (int i = 0; i < 50 && (i == 0 || working.Length > 0); i++)
            {
                if (i > 0) Thread.Sleep(100);
                working = Working(session);
            }
            Assert.True(working.Length == 0, $"{port}: {working}");
            using var prepared = new NpgsqlCommand("SELECT count(*) FROM pg_prepared_xacts", session);
            Assert.Equal(0L, prepared.ExecuteScalar());
        }

        string Working(NpgsqlConnection session)
        {
            using var command = new NpgsqlCommand($"""
                SELECT coalesce(string_agg(concat_ws(' ', pid, application_name, backend_type, state, wait_event, query), E'\n'), '')
                FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state <> 'idle' AND datname = 'citus'
                    AND application_name NOT LIKE 'holder%' AND strpos(application_name, 'gpid={_holder}') = 0
                    AND application_name NOT LIKE 'Citus Maintenance%' AND application_name NOT LIKE 'Citus Background%'
                """, session);
            return (string)command.ExecuteScalar()!;
        }
    }

    /// <summary>What the catalogs say of tables and where their shards are.</summary>
    private string State() => string.Join('\n', _changed.Rows("""
        SELECT c.oid, p.partmethod, s.shardid, s.shardminvalue, l.groupid FROM pg_class c LEFT JOIN pg_dist_partition p ON p.logicalrelid = c.oid
        LEFT JOIN pg_dist_shard s ON s.logicalrelid = c.oid LEFT JOIN pg_dist_placement l ON l.shardid = s.shardid
        WHERE c.oid IN ('orders'::regclass, 'tenant.notes'::regclass) ORDER BY 1, 3
        """));

    private string[] Rows() =>
    [
        .. _changed.Rows("SELECT customer_id, count(*), md5(string_agg(order_id || note, ';' ORDER BY order_id)) FROM orders GROUP BY 1").Order(),
        .. _changed.Rows("SELECT count(*), md5(string_agg(id || note, ';' ORDER BY id)) FROM tenant.notes"),
    ];

    private long OnNode(int port) => _changed.Scalar<long>("SELECT count(*) FROM pg_dist_placement JOIN pg_dist_node USING (groupid) "
        + $"WHERE nodeport = {port}");
}
