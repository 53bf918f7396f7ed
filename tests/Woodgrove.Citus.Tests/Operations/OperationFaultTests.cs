using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Validation;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>
/// Operations that end in the middle: what is told is so, and Repair-CitusCluster with the fixes that the checks print
/// brings the cluster back to where every check passes, with every row.
/// </summary>
public sealed partial class OperationFaultTests : ClusterTest, IClassFixture<OperatedCluster>
{
    private readonly HealthyCluster _healthy;
    private readonly string[] _rows;
    private readonly (int First, int Second) _placed;

    public OperationFaultTests(ClusterFixture cluster, OperatedCluster healthy) : base(cluster)
    {
        cluster.RequireCitus();
        cluster.RequireSandbox();
        _healthy = healthy;
        Assert.Equal("", Shown());
        (_rows, _placed) = (Rows(), OnNodes());
    }

    private NodeUnderTest Coordinator => _healthy.Coordinator;

    private NodeUnderTest Worker => _healthy.Worker;

    [Theory]
    [InlineData("auto")]
    [InlineData("block_writes")]
    public void A_rebalance_that_is_stopped_in_the_middle_keeps_what_it_has_moved(string mode)
    {
        Shell.Run($"Set-CitusNode 127.0.0.1 {Worker.Port} -ShouldHaveShards $false").Succeeded();
        long[] moves = Moves(Shell.Get($"Start-ShardRebalance -DrainOnly -TransferMode {mode} -WhatIf")
            .Select(m => (long)m.Get("ShardId")!));
        using (Hold(moves[2]))
        {
            long job = (long)Shell.Run($"Start-ShardRebalance -DrainOnly -TransferMode {mode}").Single.Get("JobId")!;
            AwaitHeld();

            PSObject stopped = Shell.Run($"Stop-CitusJob {job}").Single;

            Assert.Equal(("Cancelled", 2, moves.Length), (stopped.Get("State")!.ToString(), stopped.Get("Done"), stopped.Get("Total")));
            Assert.Equal(Moved(2), OnNodes());
            Assert.Equal("cancelled", Coordinator.Get<string>($"SELECT state::text FROM pg_dist_background_job WHERE job_id = {job}"));
            string error = Shell.Run($"Wait-ShardRebalance {job}").Failed("CitusRebalanceFailed").Exception.Message;
            Assert.Contains($"Job {job} was cancelled: 2 of {moves.Length} move(s) done.", error);
        }
        BringBack();
    }

    [Theory]
    [InlineData(2, "auto")] // the node that is drained
    [InlineData(1, "auto")] // the one that takes its shards
    [InlineData(2, "block_writes")]
    public void A_node_that_is_killed_in_the_middle_of_a_drain_ends_it_where_the_message_says(int killed, string mode)
    {
        string drain = $"Remove-CitusNode 127.0.0.1 {Worker.Port} -Drain -TransferMode {mode}";
        string[] sql = [.. (IEnumerable<string>)Shell.Run($"{drain} -WhatIf").Single.Get("Sql")!];
        NodeUnderTest node = _healthy.Nodes[killed];
        using (PowerShell shell = Shell.Create($"{drain} -Confirm:$false"))
        {
            IAsyncResult running;
            using (Hold(ShardOf(sql[3])))
            {
                running = shell.BeginInvoke();
                AwaitHeld();
                node.Kill();
            }
            Assert.True(running.AsyncWaitHandle.WaitOne(TimeSpan.FromMinutes(2)));
            string message = Assert.Single(shell.Streams.Error).Exception.Message;
            Assert.Contains($"3 of {sql.Length} statements were committed and stay. Number 4 was rolled back: {sql[3]}", message);
        }
        Assert.Equal(Moved(2), OnNodes());
        Assert.False(Coordinator.Get<bool>($"SELECT shouldhaveshards FROM pg_dist_node WHERE nodeport = {Worker.Port}"));
        PSObject found = Found().First(f => (string)f.Get("Check")! == "NodeConnectivity");
        Assert.Contains(node.Name, (string)found.Get("Actual")!);
        node.Start();

        Shell.Run("Repair-CitusCluster -OlderThan 0 -Confirm:$false").Succeeded();
        Shell.Run($"{drain} -Confirm:$false").Succeeded();
        Assert.Equal(Moved(_placed.Second), OnNodes());
        Shell.Run($"Add-CitusNode 127.0.0.1 {Worker.Port}").Succeeded();
        BringBack();
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("block_writes")]
    public void A_move_that_runs_out_of_disk_leaves_the_shard_where_it_was(string mode)
    {
        const string content = "SELECT count(*) || ' ' || md5(string_agg(id || note, ';' ORDER BY id)) FROM bulky";
        using var disk = new SmallDisk(Worker);
        Coordinator.Run("CREATE TABLE bulky (id bigint PRIMARY KEY, note text)",
            "SELECT create_distributed_table('bulky', 'id', shard_count := 2, colocate_with := 'none')",
            "INSERT INTO bulky SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 200000) i");
        try
        {
            string before = Coordinator.Get<string>(content);
            long shard = ShardOn(_healthy.Nodes[1], "bulky");
            // Citus asks for the room before it moves, and what fills the disk may come later.
            Coordinator.Run("ALTER SYSTEM SET citus.check_available_space_before_move = off", "SELECT pg_reload_conf()");
            // The log of the server has room in files that it uses again, so that the table's own file is the first that can't grow.
            for (int i = 0; i < 3; i++) Worker.Run("SELECT pg_switch_wal()", "CREATE TABLE filler_wal AS SELECT 1 AS one",
                "DROP TABLE filler_wal");
            Worker.Run("CHECKPOINT");
            disk.Fill(4 << 20);

            string message = Shell.Run($"Move-ShardPlacement {shard} {Worker.Name} -TransferMode {mode}").Errors.Single().Exception.Message;

            Assert.Matches("could not (extend|write to) file .*(No space left on device|wrote only)", message);
            Assert.Contains("Its only statement was rolled back.", message);
            Assert.Equal(shard, ShardOn(_healthy.Nodes[1], "bulky"));
            Assert.Equal(before, Coordinator.Get<string>(content));
            disk.Empty();
            BringBack();
            Shell.Run($"Move-ShardPlacement {shard} {Worker.Name} -TransferMode {mode}").Succeeded();
            Assert.Equal(before, Coordinator.Get<string>(content));
        }
        finally
        {
            disk.Empty();
            Coordinator.Run("ALTER SYSTEM RESET citus.check_available_space_before_move", "SELECT pg_reload_conf()", "DROP TABLE bulky",
                "CALL citus_cleanup_orphaned_resources()");
        }
    }

    [Fact]
    public void A_rebalance_whose_process_is_ended_tries_the_move_again_and_says_why()
    {
        Shell.Run($"Set-CitusNode 127.0.0.1 {Worker.Port} -ShouldHaveShards $false").Succeeded();
        long[] moves = Moves(Shell.Get("Start-ShardRebalance -DrainOnly -WhatIf").Select(m => (long)m.Get("ShardId")!));
        using (Hold(moves[2]))
        {
            Shell.Run("Start-ShardRebalance -DrainOnly").Succeeded();
            int process = AwaitHeld();
            Assert.True(Coordinator.Get<bool>($"SELECT pg_terminate_backend({process}, 10000)"));

            object move = Move();
            for (int i = 0; i < 100 && move.Get("Retries") is 0; i++)
            {
                Thread.Sleep(100);
                move = Move();
            }

            Assert.Equal(1, move.Get("Retries"));
            Assert.Contains("terminating background worker", (string?)move.Get("Message"));
            Assert.True(move.Get("State") is "runnable" or "running", (string?)move.Get("State"));
            if (move.Get("State") is "runnable") Assert.StartsWith("its retry at ", (string?)move.Get("WaitsFor"));
            Assert.Equal(Moved(2), OnNodes());
        }
        PSObject done = Shell.Run("Wait-ShardRebalance -Timeout 180").Single;
        Assert.Equal(("Finished", moves.Length), (done.Get("State")!.ToString(), done.Get("Done")));
        BringBack();

        object Move() => ((System.Collections.IEnumerable)Shell.Run("Get-ShardRebalance").Single.Get("Moves")!).Cast<object>()
            .Single(m => moves[2].Equals(m.Get("ShardId")));
    }

    [Fact]
    public void A_move_whose_session_is_ended_is_rolled_back_and_says_so()
    {
        long shard = ShardOn(Worker, "payment_users");
        using (PowerShell shell = Shell.Create($"Move-ShardPlacement {shard} {_healthy.Nodes[1].Name}"))
        using (Hold(shard))
        {
            IAsyncResult running = shell.BeginInvoke();
            Assert.True(Coordinator.Get<bool>($"SELECT pg_terminate_backend({AwaitHeld()}, 10000)"));
            Assert.True(running.AsyncWaitHandle.WaitOne(TimeSpan.FromMinutes(1)));

            ErrorRecord error = Assert.Single(shell.Streams.Error);
            Assert.StartsWith("CitusConnectionLost,", error.FullyQualifiedErrorId);
            Assert.Contains("Its only statement was rolled back.", error.Exception.Message);
        }
        Assert.Equal(Moved(0), OnNodes());
        BringBack();
    }

    [Fact]
    public void A_move_whose_connection_is_lost_says_that_the_server_may_finish_it_or_not()
    {
        long shard = ShardOn(Worker, "payment_users");
        using var proxy = new TcpProxy(Coordinator.Port);
        Shell["to"] = $"Host=127.0.0.1;Port={proxy.Port};Database=citus;Username=postgres;Password={Coordinator.Password}";
        Shell.Run("$null = Connect-CitusCluster -ConnectionString $to -Name cut").Succeeded();
        using (PowerShell shell = Shell.Create($"Move-ShardPlacement {shard} {_healthy.Nodes[1].Name} -Connection cut"))
        using (Hold(shard))
        {
            IAsyncResult running = shell.BeginInvoke();
            AwaitHeld();
            proxy.Cut(TimeSpan.Zero);
            Assert.True(running.AsyncWaitHandle.WaitOne(TimeSpan.FromMinutes(1)));

            ErrorRecord error = Assert.Single(shell.Streams.Error);
            Assert.StartsWith("CitusConnectionLost,", error.FullyQualifiedErrorId);
            Assert.Contains("is unknown; the server may still be running it: SELECT pg_catalog.citus_move_shard_placement(",
                error.Exception.Message);
        }
        for (int i = 0; i < 300 && Coordinator.Get<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE "
            + "'SELECT pg_catalog.citus_move_shard%' AND state <> 'idle')"); i++) Thread.Sleep(100);
        // As the advice says: what is left to do, whichever it was.
        Shell.Run($"Disconnect-CitusCluster cut; Repair-CitusCluster -OlderThan 0 -Confirm:$false; Move-ShardPlacement {shard} {_healthy.Nodes[1].Name}")
            .Succeeded();
        Assert.Equal(Moved(1), OnNodes());
        BringBack();
    }

    private static long[] Moves(IEnumerable<long> shards) => [.. shards];

    /// <summary>The first shard of a table on a node.</summary>
    private long ShardOn(NodeUnderTest node, string table) => Coordinator.Get<long>("SELECT min(shardid) FROM pg_dist_placement JOIN "
        + $"pg_dist_shard USING (shardid) JOIN pg_dist_node USING (groupid) WHERE logicalrelid = '{table}'::regclass AND nodeport = {node.Port}");

    /// <summary>The shard that a statement moves.</summary>
    private static long ShardOf(string move) => long.Parse(MovedShard().Match(move).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"citus_move_shard_placement\((\d+),")]
    private static partial Regex MovedShard();

    /// <summary>How many groups of colocated shards are on the workers.</summary>
    private (int First, int Second) OnNodes()
    {
        int Count(NodeUnderTest node) =>
            (int)Coordinator.Get<long>("SELECT count(*) FROM pg_dist_placement JOIN pg_dist_shard USING (shardid) "
            + $"JOIN pg_dist_node USING (groupid) WHERE logicalrelid = 'payment_users'::regclass AND nodeport = {node.Port}");
        return (Count(_healthy.Nodes[1]), Count(Worker));
    }

    /// <summary>Keeps the move of a shard from its last step, which waits for writers, until it is disposed.</summary>
    private NpgsqlConnection Hold(long shard)
    {
        NpgsqlConnection session = Coordinator.Open();
        using var command = new NpgsqlCommand($"BEGIN; SELECT lock_shard_metadata(5, ARRAY[{shard}::bigint])", session);
        command.ExecuteNonQuery();
        return session;
    }

    /// <summary>Returns the process of the coordinator that waits for what is held.</summary>
    private int AwaitHeld()
    {
        for (int i = 0; i < 600; i++)
        {
            int[] waiting = Coordinator.Get<int[]>("SELECT coalesce(array_agg(pid), '{}') FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
            if (waiting.Length > 0) return waiting[0];
            Thread.Sleep(100);
        }
        throw new TimeoutException("nothing has come as far as to wait for what is held");
    }

    /// <summary>Repairs, follows each fix that is printed, and expects that all checks pass and every row is there.</summary>
    private void BringBack()
    {
        Shell.Run("Repair-CitusCluster -OlderThan 0 -Confirm:$false").Succeeded();
        for (int round = 0; round < 40 && Found() is { Count: > 0 } found; round++)
        {
            foreach (string fix in found.Select(f => (string)f.Get("Fix")!).Distinct()) _healthy.Follow(fix);
            Shell.Run("Wait-ShardRebalance -Timeout 120");
        }
        Shell.Run($"Set-CitusNode 127.0.0.1 {Worker.Port} -ShouldHaveShards $true").Succeeded();
        Shell.Run("Start-ShardRebalance -TransferMode block_writes -Wait -Timeout 120").Succeeded();
        Shell.Run("Repair-CitusCluster -OlderThan 0 -Confirm:$false").Succeeded();
        Assert.Equal("", Shown());
        Assert.Equal(_rows, Rows());
    }

    private IReadOnlyList<PSObject> Found() => [.. Shell.Get("Test-CitusCluster").Where(r => r.Get("Status")!.ToString() != "Passed")];

    private string Shown() => string.Join(" | ", Found().Select(f => $"{f.Get("Check")} {f.Get("Status")}: {f.Get("Actual")}"));

    private (int First, int Second) Moved(int groups) => (_placed.First + groups, _placed.Second - groups);

    /// <summary>The rows of each key, counted and hashed, and those of the reference table.</summary>
    private string[] Rows()
    {
        using NpgsqlConnection session = Coordinator.Open();
        using var command = new NpgsqlCommand("""
            SELECT user_id || ' ' || count(*) || ' ' || md5(string_agg(event_id || event_type || details, ';' ORDER BY event_id))
            FROM payment_events GROUP BY user_id
            UNION ALL SELECT 'user ' || user_id || ' ' || login FROM payment_users
            UNION ALL SELECT 'merchant ' || merchant_id || ' ' || name FROM payment_merchants ORDER BY 1
            """, session);
        using NpgsqlDataReader row = command.ExecuteReader();
        var rows = new List<string>();
        while (row.Read()) rows.Add(row.GetString(0));
        return [.. rows];
    }
}
