using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Validation;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Start-, Get- and Stop-ShardRebalance, on a cluster that really moves shards.</summary>
public sealed class RebalanceTests : ClusterTest, IClassFixture<HealthyCluster>, IDisposable
{
    private const string Table = "lopsided";
    private readonly HealthyCluster _healthy;

    public RebalanceTests(ClusterFixture cluster, HealthyCluster healthy) : base(cluster)
    {
        cluster.RequireCitus();
        cluster.RequireSandbox();
        _healthy = healthy;
        // All eight shards lie on the first worker.
        Coordinator.Run(ShouldHaveShards(false), $"CREATE TABLE {Table} (id bigint PRIMARY KEY, note text)",
            $"SELECT create_distributed_table('{Table}', 'id', colocate_with := 'none', shard_count := 8)",
            $"INSERT INTO {Table} SELECT i, repeat('x', 200) || i FROM generate_series(1, 40000) i", ShouldHaveShards(true));
    }

    private NodeUnderTest Coordinator => _healthy.Coordinator;

    private NodeUnderTest Worker => _healthy.Worker;

    public void Dispose()
    {
        Shell.Run("Stop-ShardRebalance");
        // The other tables are left even, or the next test would find moves of theirs.
        Coordinator.Run(ShouldHaveShards(true), $"DROP TABLE {Table}", "CALL citus_cleanup_orphaned_resources()",
            "SELECT rebalance_table_shards(threshold := 0.01::float4, shard_transfer_mode := 'block_writes')");
    }

    [Fact]
    public void WhatIf_gives_the_moves_and_makes_none()
    {
        RunResult plan = Shell.Run("Start-ShardRebalance -WhatIf").Succeeded();

        Assert.Equal(Enumerable.Repeat($"{Table}: {_healthy.Nodes[1].Name} to {Worker.Name}, Planned", 4),
            plan.Output.Select(m => $"{m.Get("Table")}: {m.Get("Source")} to {m.Get("Target")}, {m.Get("State")}"));
        Assert.All(plan.Output, move => Assert.InRange((long)move.Get("SizeBytes")!, 1L << 20, 10L << 20));
        Assert.Contains("What if: Performing the operation \"Rebalance shards\"", plan.Screen);
        Assert.Equal(4, Shell.Get("$WhatIfPreference = $true; try { Start-ShardRebalance by_shard_count } finally { $WhatIfPreference = "
            + "$false }").Count);
        Assert.Equal(0, OnWorker());
        Assert.Empty(Shell.Get("Start-ShardRebalance -DrainOnly -WhatIf"));
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("block_writes")]
    public async Task Waiting_shows_progress_and_ends_with_the_nodes_even_and_every_row_there(string mode)
    {
        string before = Content();
        Task heldUp = HoldUpAsync(Shell.Run($"Start-ShardRebalance -TransferMode {mode} -WhatIf").Output[2].Get("ShardId")!);

        RunResult run = Shell.Run($"Start-ShardRebalance -TransferMode {mode} -Wait -Timeout 120 -Verbose").Succeeded();

        await heldUp;
        PSObject done = run.Single;
        Assert.Equal(("Finished", 4, 4), (done.Get("State")!.ToString(), done.Get("Done"), done.Get("Total")));
        Assert.NotNull(done.Get("FinishedAt"));
        Assert.Contains(run.Progress, p => p.StatusDescription.EndsWith("of 4 moves, running", StringComparison.Ordinal));
        Assert.Contains(run.Progress, p => p.SecondsRemaining >= 0);
        Assert.Contains(run.Verbose, v => v.Contains("makes 4 move(s) in the background", StringComparison.Ordinal));
        Assert.Equal(4, OnWorker());
        Assert.Equal(before, Content());
        PSObject again = Shell.Run("Get-ShardRebalance").Single;
        Assert.Equal((done.Get("JobId"), false), (again.Get("JobId"), again.Get("IsActive")));
        Assert.All(((System.Collections.IEnumerable)again.Get("Moves")!).Cast<object>(),
            m => Assert.Equal((Table, "done", Worker.Name), (m.Get("Table"), m.Get("State"), m.Get("Target"))));
        Assert.Empty(Shell.Get("Start-ShardRebalance -Wait"));
    }

    [Fact]
    public void Draining_takes_all_shards_off_a_node_that_should_have_none()
    {
        Shell.Get("Start-ShardRebalance -TransferMode block_writes -Wait");
        string before = Content();
        Coordinator.Run(ShouldHaveShards(false));

        PSObject done = Shell.Run("Start-ShardRebalance -DrainOnly -TransferMode block_writes -Wait").Single;

        Assert.Equal("Finished", done.Get("State")!.ToString());
        Assert.Equal(0, Coordinator.Get<long>("SELECT count(*) FROM pg_dist_placement JOIN pg_dist_shard USING (shardid) JOIN "
            + "pg_dist_partition USING (logicalrelid) WHERE groupid = 2 AND partmethod = 'h'"));
        Assert.Equal(before, Content());
        Coordinator.Run(ShouldHaveShards(true));
        Shell.Get("Start-ShardRebalance -TransferMode block_writes -Wait");
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("-ParallelColocatedShards -ParallelReferenceTables", false)]
    public void Moves_of_one_colocation_group_wait_for_each_other_unless_they_are_let_run_side_by_side(string switches, bool wait)
    {
        string before = Content();

        PSObject done = Shell.Run($"Start-ShardRebalance -TransferMode block_writes {switches} -Wait -Timeout 120").Single;

        Assert.Equal(("Finished", 4), (done.Get("State")!.ToString(), done.Get("Done")));
        Assert.Equal(wait, Coordinator.Get<bool>("SELECT EXISTS (SELECT FROM pg_dist_background_task_depend WHERE job_id = "
            + $"{done.Get("JobId")})"));
        Assert.Equal(before, Content());
    }

    [Fact]
    public void Stopped_in_the_middle_it_keeps_every_row_and_the_next_one_goes_on()
    {
        string before = Content();
        // A move waits for who writes to the table: the first one does not get past this.
        using Npgsql.NpgsqlConnection writer = Coordinator.Open();
        using (Npgsql.NpgsqlTransaction open = writer.BeginTransaction())
        {
            new Npgsql.NpgsqlCommand($"UPDATE {Table} SET note = note", writer, open).ExecuteNonQuery();
            PSObject started = Shell.Run("Start-ShardRebalance -TransferMode block_writes").Single;
            Assert.Equal(true, started.Get("IsActive"));
            Assert.Contains($"job {started.Get("JobId")}",
                Shell.Run("Start-ShardRebalance").Failed("CitusRebalanceRunning").Exception.Message);
            PSObject late = Wait(r => ((System.Collections.IEnumerable)r.Get("Moves")!).Cast<object>()
                .Any(m => (string)m.Get("State")! == "running"));
            Assert.Equal(started.Get("JobId"), late.Get("JobId"));

            PSObject stopped = Shell.Run("Stop-ShardRebalance").Single;

            Assert.Equal(("Cancelled", started.Get("JobId")), (stopped.Get("State")!.ToString(), stopped.Get("JobId")));
            Assert.Contains("is cancelled", Shell.Run("Stop-ShardRebalance").Failed("CitusRebalanceNotRunning").Exception.Message);
        }
        Assert.Equal(before, Content());

        Assert.Equal("Finished", Shell.Run("Start-ShardRebalance -TransferMode block_writes -Wait").Single.Get("State")!.ToString());

        Assert.Equal(4, OnWorker());
        Assert.Equal(before, Content());
    }

    [Fact]
    public void Who_waits_no_longer_is_told_that_it_goes_on()
    {
        using Npgsql.NpgsqlConnection writer = Coordinator.Open();
        using Npgsql.NpgsqlTransaction open = writer.BeginTransaction();
        new Npgsql.NpgsqlCommand($"UPDATE {Table} SET note = note", writer, open).ExecuteNonQuery();

        RunResult run = Shell.Run("Start-ShardRebalance -TransferMode block_writes -Wait -Timeout 1");

        string late = run.Failed("CitusRebalanceTimeout").Exception.Message;
        Assert.Contains("was not over after 1 s: 0 of 4 move(s) done.", late);
        Assert.Contains("It continues. Wait on with Wait-ShardRebalance;", late);
        Assert.Equal(true, Assert.Single(run.Output).Get("IsActive"));
    }

    [Fact]
    public void A_table_without_a_key_is_refused_with_the_way_out()
    {
        Coordinator.Run($"ALTER TABLE {Table} DROP CONSTRAINT {Table}_pkey");

        Exception error = Shell.Run("Start-ShardRebalance").Failed("CitusRebalanceRefused").Exception;

        Assert.Contains(Table, error.Message);
        Assert.Contains("-TransferMode block_writes", error.Message);
        Assert.Contains("ReplicaIdentity", error.Message);
    }

    [Fact]
    public void What_keeps_the_moves_from_beginning_is_told_before()
    {
        Coordinator.Run("ALTER SYSTEM SET citus.max_background_task_executors = 1", "SELECT pg_reload_conf()");
        long job = Coordinator.Get<long>("WITH job AS (INSERT INTO pg_dist_background_job (job_type, description) VALUES ('other', 'sleeps') "
            + "RETURNING job_id) INSERT INTO pg_dist_background_task (job_id, command) SELECT job_id, 'SELECT pg_sleep(600)' FROM job RETURNING job_id");
        try
        {
            for (int i = 0; i < 300 && !Coordinator.Get<bool>($"SELECT EXISTS (SELECT FROM pg_dist_background_task WHERE job_id = {job} "
                + "AND status = 'running')"); i++) Thread.Sleep(100);

            RunResult plan = Shell.Run("Start-ShardRebalance -WhatIf").Succeeded();

            Assert.Equal(4, plan.Output.Count);
            Assert.Contains($"tasks of job {job} have ended: they take all 1 of citus.max_background_task_executors",
                Assert.Single(plan.Warnings));
            Shell.Run($"Stop-CitusJob {job}").Succeeded();
            Assert.Contains("At most 1 move(s) run side by side",
                Assert.Single(Shell.Run("Start-ShardRebalance -ParallelColocatedShards -WhatIf").Succeeded().Warnings));
            Assert.Empty(Shell.Run("Start-ShardRebalance -WhatIf").Succeeded().Warnings);
        }
        finally
        {
            Coordinator.Run($"SELECT citus_job_cancel({job})", "ALTER SYSTEM RESET citus.max_background_task_executors",
                "SELECT pg_reload_conf()");
        }
    }

    [Fact]
    public void A_cluster_that_starts_no_tasks_is_told_and_the_moves_begin_once_it_does()
    {
        Coordinator.Run("ALTER SYSTEM SET citus.background_task_queue_interval = -1", "SELECT pg_reload_conf()");
        try
        {
            for (int i = 0; i < 100 && Coordinator.Get<string>("SHOW citus.background_task_queue_interval") != "-1"; i++) Thread.Sleep(50);
            string warning = Assert.Single(Shell.Run("Start-ShardRebalance -TransferMode block_writes").Succeeded().Warnings);
            Assert.Contains("No move begins while citus.background_task_queue_interval is -1", warning);
            Assert.Contains("citus.background_task_queue_interval is -1, so no task is started",
                (string?)Shell.Get("Get-CitusJob -Active | ForEach-Object Tasks")[0].Get("WaitsFor"));

            string fix = warning[warning.IndexOf("ALTER SYSTEM", StringComparison.Ordinal)..];
            Coordinator.Run([.. fix.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)]);

            Assert.Equal("Finished", Shell.Run("Wait-ShardRebalance -Timeout 120").Single.Get("State")!.ToString());
            Assert.Equal(4, OnWorker());
        }
        finally
        {
            Coordinator.Run("ALTER SYSTEM RESET citus.background_task_queue_interval", "SELECT pg_reload_conf()");
        }
    }

    /// <summary>
    /// Locks the shard of the third move as who writes to it does, until the progress of the two moves before it was shown. An open
    /// write itself would hold up all moves by logical replication.
    /// </summary>
    private async Task HoldUpAsync(object shard)
    {
        long before = Coordinator.Get<long>("SELECT coalesce(max(job_id), 0) FROM pg_dist_background_job");
        await using Npgsql.NpgsqlConnection writer = Coordinator.Open();
        await using Npgsql.NpgsqlTransaction open = writer.BeginTransaction();
        new Npgsql.NpgsqlCommand($"SELECT lock_shard_metadata(5, ARRAY[{shard}]::bigint[])", writer, open).ExecuteNonQuery();
        for (int i = 0; i < 300 && Done() < 2; i++) await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.Equal(2, Done());
        await Task.Delay(2000, TestContext.Current.CancellationToken); // Wait-ShardRebalance looks twice a second

        long Done() => Coordinator.Get<long>("SELECT count(*) FROM pg_dist_background_task WHERE status = 'done' AND "
            + $"job_id > {before}");
    }

    private PSObject Wait(Predicate<PSObject> until)
    {
        PSObject now = Shell.Run("Get-ShardRebalance").Single;
        for (int i = 0; !until(now) && i < 100; i++)
        {
            Thread.Sleep(100);
            now = Shell.Run("Get-ShardRebalance").Single;
        }
        Assert.True(until(now), now.Get("State")!.ToString());
        return now;
    }

    private string Content() => Coordinator.Get<string>($"SELECT count(*) || ' ' || sum(hashtext(id || note)::bigint) FROM {Table}");

    private long OnWorker() => Coordinator.Get<long>("SELECT count(*) FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE "
        + $"logicalrelid = '{Table}'::regclass AND groupid = 2");

    private string ShouldHaveShards(bool should) =>
        $"SELECT citus_set_node_property('127.0.0.1', {Worker.Port}, 'shouldhaveshards', {should})";
}

/// <summary>What can be said of rebalances where there is none, whatever the engine.</summary>
public sealed class NoRebalanceTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void A_strategy_that_is_none_is_refused_with_those_there_are() =>
        Assert.Contains("There are: by_disk_size, by_shard_count.",
            Shell.Run("Start-ShardRebalance by_magic").Failed("CitusStrategyNotFound").Exception.Message);

    [Fact]
    public void A_number_of_no_rebalance_is_refused() =>
        Assert.Contains("999999", Shell.Run("Get-ShardRebalance 999999").Failed("CitusRebalanceNotFound").Exception.Message);

    [Fact]
    public void Stopping_what_does_not_run_is_an_error() =>
        Assert.Contains("No rebalance runs.", Shell.Run("Stop-ShardRebalance").Failed("CitusRebalanceNotRunning").Exception.Message);

    [Fact]
    public void Names_of_strategies_complete() =>
        Assert.Equal(["by_disk_size", "by_shard_count"],
            CommandCompletion.CompleteInput("Start-ShardRebalance by", 23, null,
                Shell.Create("")).CompletionMatches.Select(m => m.CompletionText));
}
