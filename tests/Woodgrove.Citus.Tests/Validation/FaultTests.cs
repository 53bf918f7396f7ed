using System.Management.Automation;
using System.Runtime.ExceptionServices;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>Each fault is really made, found by its own check and by no other, fixed, and not found any more.</summary>
public abstract class FaultTests : ClusterTest
{
    protected FaultTests(ClusterFixture cluster, HealthyCluster healthy) : base(cluster)
    {
        cluster.RequireCitus();
        cluster.RequireSandbox();
        Healthy = healthy;
    }

    protected HealthyCluster Healthy { get; }

    protected NodeUnderTest Coordinator => Healthy.Coordinator;

    protected NodeUnderTest Worker => Healthy.Worker;

    /// <summary>Parameters that choose the checks; by default those that run unless asked otherwise.</summary>
    protected virtual string Selection => "";

    /// <summary>Every check that does not pass, skipped ones too: on the healthy cluster there is none.</summary>
    protected IReadOnlyList<PSObject> Found(string thresholds = "@{}") =>
        [.. Shell.Get($"Test-CitusCluster {Selection} -Threshold {thresholds}").Where(r => r.Get("Status")!.ToString() != "Passed")];

    /// <summary>
    /// Makes a fault, expects that of all checks its own alone changes, runs the fix as it is printed, expects that the check
    /// passes, undoes what is left and expects that all pass again.
    /// </summary>
    /// <param name="fill">The fix with values in place of what stands for them there.</param>
    /// <param name="hides">Tells of a check that was skipped whether the fault really hides from it what it would look at.</param>
    protected PSObject Expect(string check, string status, Action make, Action undo, string thresholds = "@{}", bool wait = false,
        Func<PSObject, bool>? hides = null, Func<string, string>? fill = null)
    {
        Assert.Equal("", string.Join(" | ", Shown(Found(thresholds))));
        IReadOnlyList<PSObject> found;
        Exception? broken = null;
        try
        {
            make();
            found = Found(thresholds);
            for (int i = 0; wait && !found.Any(f => (string)f.Get("Check")! == check) && i < 60; i++)
            {
                Thread.Sleep(250);
                found = Found(thresholds);
            }
            if ((fill is not null || !FixesNotRun.Reasons.ContainsKey(check)) && found.FirstOrDefault(f => (string)f.Get("Check")! == check) is { } fixable)
                Fix(fixable, thresholds, fill ?? (fix => fix));
        }
        catch (Exception e)
        {
            (broken, found) = (e, []);
        }
        try
        {
            undo();
        }
        catch (Exception e) when (broken is not null)
        {
            // The fault was made in part only, so not all of it can be undone. What failed comes first.
            throw new AggregateException(broken, e);
        }
        if (broken is not null) ExceptionDispatchInfo.Throw(broken);
        found = [.. found.Where(f => f.Get("Status")!.ToString() != "Skipped" || hides?.Invoke(f) != true)];
        Assert.True(found.Count == 1 && $"{found[0].Get("Check")} {found[0].Get("Status")}" == $"{check} {status}",
            $"{check} {status} alone was expected, but: {string.Join(" | ", Shown(found))}");
        IEnumerable<string> after = Shown(Found(thresholds));
        for (int i = 0; after.Any() && i < 40; i++)
        {
            Thread.Sleep(250);
            after = Shown(Found(thresholds));
        }
        Assert.Equal("", string.Join(" | ", after));
        Assert.NotEqual("", found[0].Get("Fix"));
        return found[0];
    }

    protected PSObject Expect(string check, string status, string[] make, string[] undo, string thresholds = "@{}", bool wait = false,
        Func<string, string>? fill = null) =>
        Expect(check, status, () => Coordinator.Run(make), () => Coordinator.RunAll(undo), thresholds, wait, fill: fill);

    /// <summary>Undoes what the fix may have ended already.</summary>
    protected static void IfStillThere(Action undo)
    {
        try
        {
            undo();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The fix has ended it.
        }
    }

    private void Fix(PSObject found, string thresholds, Func<string, string> fill)
    {
        string check = (string)found.Get("Check")!, fix = fill((string)found.Get("Fix")!);
        Healthy.Follow(fix);
        string script = $"Test-CitusCluster {check} -Threshold {thresholds}";
        PSObject after = Shell.Run(script).Single;
        // A setting that is reloaded, a rebalance or counters of rows take a moment.
        for (int i = 0; i < 80 && after.Get("Status")!.ToString() != "Passed"; i++)
        {
            Thread.Sleep(250);
            after = Shell.Run(script).Single;
        }
        Assert.True(after.Get("Status")!.ToString() == "Passed", $"{check} is {after.Get("Status")} ({after.Get("Actual")}) after: {fix}");
    }

    protected static object[] Evidence(PSObject result) => [.. ((System.Collections.IEnumerable)result.Get("Evidence")!).Cast<object>()];

    private static string[] Shown(IEnumerable<PSObject> results) =>
        [.. results.Select(r => $"{r.Get("Check")} {r.Get("Status")}: {r.Get("Actual")}")];
}

/// <summary>Faults of nodes, of their servers' settings and of the metadata.</summary>
public sealed class NodeFaultTests(ClusterFixture cluster, HealthyCluster healthy) : FaultTests(cluster, healthy),
    IClassFixture<HealthyCluster>
{
    [Fact]
    public void An_extension_of_another_version_on_a_worker()
    {
        string version = Worker.Get<string>("SELECT extversion FROM pg_extension WHERE extname = 'citus'"),
            other = version.Split('-')[0] + "-0";
        Assert.NotEqual(other, version);
        PSObject found = Expect("NodeVersions", "Failed",
            () => Worker.Run($"UPDATE pg_extension SET extversion = '{other}' WHERE extname = 'citus'"),
            () => Worker.Run($"UPDATE pg_extension SET extversion = '{version}' WHERE extname = 'citus'"));

        Assert.Contains($"extension {other}", (string)found.Get("Actual")!);
        Assert.Equal(3, Evidence(found).Length);
        Assert.Contains("ALTER EXTENSION citus UPDATE", (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_stopped_worker()
    {
        PSObject found = Expect("NodeConnectivity", "Failed", Worker.Stop, () => Worker.Start(),
            hides: skipped => ((string)skipped.Get("Actual")!).Contains($"{Worker.Name} cannot be reached", StringComparison.Ordinal));

        Assert.Contains(Worker.Name, (string)found.Get("Actual")!);
        Assert.All(Evidence(found), link => Assert.Equal(Worker.Name, link.Get("Target")));
    }

    [Fact]
    public void Checks_that_a_stopped_worker_hides_facts_from_are_skipped_and_say_so()
    {
        Worker.Stop();
        try
        {
            Dictionary<string, PSObject> results = Shell.Get("Test-CitusCluster").ToDictionary(r => (string)r.Get("Check")!);

            Assert.Equal("Skipped", results["InvalidIndexes"].Get("Status")!.ToString());
            Assert.Contains($"{Worker.Name} cannot be reached", (string)results["InvalidIndexes"].Get("Actual")!);
            Assert.Equal("Passed", results["CoordinatorRegistered"].Get("Status")!.ToString());
            Assert.Equal(false, Shell.Run("Test-CitusCluster -Quiet").Single.BaseObject);
        }
        finally
        {
            Worker.Start();
        }
    }

    [Fact]
    public void A_worker_that_hangs_hides_no_other_and_holds_up_nobody_for_long()
    {
        try
        {
            Worker.Signal("STOP");
            var watch = System.Diagnostics.Stopwatch.StartNew();
            Dictionary<string, PSObject> results = Shell.Get("Test-CitusCluster -Timeout 2 -Threshold @{ LargeLocalTables = 0 }")
                .ToDictionary(r => (string)r.Get("Check")!);

            Assert.InRange(watch.Elapsed.TotalSeconds, 0, 20);
            Assert.Equal("Failed", results["NodeConnectivity"].Get("Status")!.ToString());
            Assert.Equal("Skipped", results["WalLevel"].Get("Status")!.ToString());
            Assert.Equal("Passed", results["NodesActive"].Get("Status")!.ToString());
        }
        finally
        {
            Worker.Signal("CONT");
        }
        Assert.Equal(true, Shell.Run("Test-CitusCluster -Quiet").Single.BaseObject);
    }

    [Fact]
    public void A_node_without_current_metadata()
    {
        PSObject found = Expect("NodesActive", "Failed",
            ["UPDATE pg_dist_node SET metadatasynced = false WHERE groupid = 2"],
            ["UPDATE pg_dist_node SET metadatasynced = true WHERE groupid = 2"]);

        Assert.Equal("SELECT start_metadata_sync_to_all_nodes();", found.Get("Fix"));
        Assert.Equal(Worker.Name, Assert.Single(Evidence(found)).Get("Node"));
    }

    [Fact]
    public void A_coordinator_that_nobody_registered()
    {
        PSObject found = Expect("CoordinatorRegistered", "Failed",
            () => Coordinator.Run($"SELECT citus_remove_node('127.0.0.1', {Coordinator.Port})"),
            () => Coordinator.Run("SET citus.enable_manual_changes_to_shards = on", "DROP TABLE IF EXISTS payment_merchants_"
                + Coordinator.Get<long>("SELECT shardid FROM pg_dist_shard WHERE logicalrelid = 'payment_merchants'::regclass"),
                $"SELECT citus_set_coordinator_host('127.0.0.1', {Coordinator.Port})", "SELECT replicate_reference_tables('block_writes')",
                "ANALYZE payment_merchants"),
            fill: fix => fix.Replace("<name by which the workers reach it>", "127.0.0.1", StringComparison.Ordinal));

        Assert.Contains("citus_set_coordinator_host", (string)found.Get("Fix")!);
    }

    [Fact]
    public void An_extension_that_one_worker_has_alone()
    {
        PSObject found = Expect("NodeExtensions", "Failed",
            () => Worker.Run("SET citus.enable_ddl_propagation = off", "CREATE EXTENSION pgcrypto"),
            () =>
            {
                foreach (NodeUnderTest node in Healthy.Nodes)
                    node.Run("SET citus.enable_ddl_propagation = off", "DROP EXTENSION IF EXISTS pgcrypto");
            });

        Assert.Contains("pgcrypto: none on", (string)found.Get("Actual")!);
        Assert.Equal(1, Evidence(found).Count(e => e.Get("Version") is not null));
    }

    [Fact]
    public void Metadata_that_differs_on_one_worker()
    {
        PSObject found = Expect("NodeMetadata", "Failed",
            () => Worker.Run("UPDATE pg_dist_colocation SET replicationfactor = 2 WHERE replicationfactor = 1"),
            () => Worker.Run("UPDATE pg_dist_colocation SET replicationfactor = 1 WHERE replicationfactor = 2"));

        Assert.Contains("pg_dist_colocation", (string)found.Get("Actual")!);
        Assert.Equal(3, Evidence(found).Length);
    }

    [Theory]
    [InlineData("DEFAULT", "SELECT replicate_reference_tables();")]
    [InlineData("NOTHING", "SELECT replicate_reference_tables('block_writes'); -- writes to reference tables wait meanwhile")]
    public void A_reference_table_that_a_worker_lacks(string identity, string fix)
    {
        long shard = Coordinator.Get<long>("SELECT shardid FROM pg_dist_shard WHERE logicalrelid = 'payment_merchants'::regclass");
        PSObject found = Expect("ReferenceTables", "Failed",
            () =>
            {
                foreach (NodeUnderTest node in Healthy.Nodes)
                    node.Run($"DELETE FROM pg_dist_placement WHERE shardid = {shard} AND groupid = 2");
                Worker.Run("SET citus.enable_manual_changes_to_shards = on", $"DROP TABLE payment_merchants_{shard}");
                Coordinator.Run($"ALTER TABLE payment_merchants REPLICA IDENTITY {identity}");
            },
            () => Coordinator.Run("SELECT replicate_reference_tables('block_writes')", "ANALYZE payment_merchants",
                "ALTER TABLE payment_merchants REPLICA IDENTITY DEFAULT"));

        Assert.Equal(fix, found.Get("Fix"));
        Assert.Contains($"payment_merchants is not on {Worker.Name}", (string)found.Get("Actual")!);
    }

    [Fact]
    public void A_shard_whose_table_is_gone()
    {
        long shard = 0;
        PSObject found = Expect("ShardPlacements", "Failed",
            () =>
            {
                shard = CreateWithShardOnWorker("doomed");
                Worker.Run("SET citus.enable_manual_changes_to_shards = on", $"DROP TABLE doomed_{shard}");
            },
            () => Coordinator.Run("DROP TABLE IF EXISTS doomed"),
            // Citus asks for the sizes of all shards before it plans a move.
            hides: skipped => (string)skipped.Get("Check")! == "NodeSkew");

        Assert.Equal(shard, Assert.Single(Evidence(found)).Get("ShardId"));
        Assert.Equal(Worker.Name, Evidence(found)[0].Get("Node"));
    }

    [Fact]
    public void A_shard_without_a_placement()
    {
        PSObject found = Expect("ShardPlacements", "Failed",
            () =>
            {
                long shard = CreateWithShardOnWorker("placeless");
                foreach (NodeUnderTest node in Healthy.Nodes) node.Run($"DELETE FROM pg_dist_placement WHERE shardid = {shard}");
                Worker.Run("SET citus.enable_manual_changes_to_shards = on", $"DROP TABLE placeless_{shard}");
            },
            () => Coordinator.Run("DROP TABLE IF EXISTS placeless"));

        Assert.Contains("0 of 1 active placements", (string)found.Get("Actual")!);
    }

    [Fact]
    public void What_a_move_left_behind()
    {
        long shard = Coordinator.Get<long>("SELECT shardid FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE logicalrelid "
            + "= 'payment_users'::regclass AND groupid = 2 LIMIT 1");
        string move = $"SELECT citus_move_shard_placement({shard}, '127.0.0.1', {{0}}, '127.0.0.1', {{1}}, 'block_writes')";
        PSObject found = Expect("CleanupRecords", "Warning",
            ["ALTER SYSTEM SET citus.defer_shard_delete_interval = -1", "SELECT pg_reload_conf()",
                string.Format(null, move, Worker.Port, Healthy.Nodes[1].Port), "ANALYZE payment_users, payment_events"],
            ["CALL citus_cleanup_orphaned_resources()", string.Format(null, move, Healthy.Nodes[1].Port, Worker.Port),
                "CALL citus_cleanup_orphaned_resources()",
                "ALTER SYSTEM RESET citus.defer_shard_delete_interval", "SELECT pg_reload_conf()",
                "ANALYZE payment_users, payment_events"]);

        Assert.Equal(["public.payment_users_" + shard, "public.payment_events_" + (shard + 32)],
            Evidence(found).Select(e => (string)e.Get("ObjectName")!).OrderDescending());
        Assert.Contains("Repair-CitusCluster", (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_shard_s_table_that_nobody_knows()
    {
        long elsewhere = Coordinator.Get<long>("SELECT shardid FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE "
            + "logicalrelid = 'payment_users'::regclass AND groupid = 1 LIMIT 1");
        PSObject found = Expect("OrphanedShards", "Warning",
            () => Worker.Run("SET citus.enable_ddl_propagation = off", $"CREATE TABLE payment_users_{elsewhere} (user_id bigint)"),
            () => Worker.Run("SET citus.enable_manual_changes_to_shards = on", $"DROP TABLE IF EXISTS payment_users_{elsewhere}"));

        Assert.Equal($"payment_users_{elsewhere}", Assert.Single(Evidence(found)).Get("Table"));
        Assert.Contains(Worker.Name, (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_background_task_that_fails_and_is_tried_again()
    {
        PSObject found = Expect("BackgroundTasks", "Warning",
            ["INSERT INTO pg_dist_background_job (job_type, description, started_at) VALUES ('test', 'a task that cannot succeed', now())",
                "INSERT INTO pg_dist_background_task (job_id, command) SELECT max(job_id), 'SELECT 1 / 0' FROM pg_dist_background_job"],
            ["SELECT citus_job_cancel(max(job_id)) FROM pg_dist_background_job", "DELETE FROM pg_dist_background_task",
                "DELETE FROM pg_dist_background_job"], wait: true);

        Assert.Contains("division by zero", (string)found.Get("Actual")!);
        Assert.Contains("Get-CitusJob", (string)found.Get("Fix")!);
    }

    [Fact]
    public void Too_few_slots_for_prepared_transactions()
    {
        PSObject found = Expect("PreparedTransactionLimit", "Warning",
            () => Restart("ALTER SYSTEM SET max_prepared_transactions = 5"), () => Restart("ALTER SYSTEM RESET max_prepared_transactions"));

        Assert.Contains($"5 on {Worker.Name}", (string)found.Get("Actual")!);
    }

    [Fact]
    public void A_worker_whose_wal_is_not_logical()
    {
        PSObject found = Expect("WalLevel", "Warning",
            () => Restart("ALTER SYSTEM SET wal_level = replica"), () => Restart("ALTER SYSTEM RESET wal_level"));

        Assert.Equal($"replica on {Worker.Name}", found.Get("Actual"));
    }

    [Fact]
    public void A_worker_with_hardly_a_connection_left()
    {
        var open = new List<NpgsqlConnection>();
        PSObject found = Expect("ConnectionHeadroom", "Warning",
            () => { for (int i = 0; i < 30; i++) open.Add(Worker.Open()); },
            () => open.ForEach(session => session.Dispose()), "@{ ConnectionHeadroom = 0.9 }");

        Assert.Equal(Worker.Name, Assert.Single(Evidence(found)).Get("Node"));
    }

    [Fact]
    public void A_worker_with_hardly_a_connection_left_for_clients()
    {
        var open = new List<NpgsqlConnection>();
        PSObject found = Expect("ConnectionHeadroom", "Warning",
            () =>
            {
                Worker.Run("ALTER SYSTEM SET citus.max_client_connections = 12", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)");
                for (int i = 0; i < 11; i++) open.Add(Worker.Open());
            },
            () =>
            {
                open.ForEach(session => session.Dispose());
                Worker.Run("ALTER SYSTEM RESET citus.max_client_connections", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)");
            });

        Assert.Matches($@"^1\d of 12 client connections used on {System.Text.RegularExpressions.Regex.Escape(Worker.Name)} \(citus\.max_client_connections\)$", (string)found.Get("Actual")!);
        Assert.Contains("or raise citus.max_client_connections:", (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_shared_pool_larger_than_what_the_workers_allow()
    {
        PSObject found = Expect("ConnectionHeadroom", "Warning",
            ["ALTER SYSTEM SET citus.max_shared_pool_size = 400", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)"],
            ["ALTER SYSTEM RESET citus.max_shared_pool_size", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)"], fill: fix => fix);

        Assert.Contains("ALTER SYSTEM SET citus.max_shared_pool_size = 300", (string)found.Get("Fix")!);
    }

    /// <summary>Creates a table of four shards and gives one that lies on the worker.</summary>
    private long CreateWithShardOnWorker(string table)
    {
        Coordinator.Run($"CREATE TABLE {table} ({table}_id bigint PRIMARY KEY)",
            $"SELECT create_distributed_table('{table}', '{table}_id', colocate_with := 'none', shard_count := 4)");
        return Coordinator.Get<long>("SELECT shardid FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE logicalrelid = "
            + $"'{table}'::regclass AND groupid = 2 LIMIT 1");
    }

    private void Restart(string setting)
    {
        Worker.Run(setting);
        Worker.Restart();
    }
}
