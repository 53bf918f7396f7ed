using System.Management.Automation;
using System.Text.RegularExpressions;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>Fixes are run as they are printed, on the node that they name, and change the verdict.</summary>
public sealed class FixTests(ClusterFixture cluster, HealthyCluster healthy) : ClusterTest(cluster), IClassFixture<HealthyCluster>
{
    [Fact]
    public void A_fix_for_more_tables_than_are_listed_gives_each_its_replica_identity()
    {
        Require();
        string[] tables = [.. Enumerable.Range(1, 6).Select(i => $"keyless_{i}")];
        healthy.Coordinator.Run([.. tables.SelectMany(t => new[] { $"CREATE TABLE {t} (id bigint)",
            $"SELECT create_distributed_table('{t}', 'id')" })]);
        try
        {
            PSObject found = Check("ReplicaIdentity", "Warning");
            Assert.Equal(6, ((System.Collections.IEnumerable)found.Get("Evidence")!).Cast<object>().Count());

            healthy.Follow((string)found.Get("Fix")!);

            Check("ReplicaIdentity", "Passed");
        }
        finally
        {
            healthy.Coordinator.Run($"DROP TABLE {string.Join(", ", tables)}");
        }
    }

    [Fact]
    public void An_invalid_index_of_one_shard_is_built_again_on_its_node()
    {
        Require();
        healthy.Coordinator.Run("CREATE TABLE indexed (id bigint PRIMARY KEY, v int)",
            "SELECT create_distributed_table('indexed', 'id', colocate_with := 'none', shard_count := 4)",
            "CREATE INDEX indexed_v ON indexed (v)");
        try
        {
            healthy.Worker.Run("SET citus.override_table_visibility = off",
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = (SELECT min(oid) FROM pg_class WHERE relname ~ "
                    + "'^indexed_v_[0-9]+$')");
            PSObject found = Check("InvalidIndexes", "Failed");
            string fix = (string)found.Get("Fix")!;
            Assert.StartsWith("REINDEX INDEX indexed_v_", fix, StringComparison.Ordinal);
            Assert.Contains($"-- on {healthy.Worker.Name}", fix, StringComparison.Ordinal);

            healthy.Follow((string)found.Get("Fix")!);

            Check("InvalidIndexes", "Passed");
        }
        finally
        {
            healthy.Coordinator.Run("DROP TABLE indexed");
        }
    }

    [Fact]
    public void Without_citus_as_an_output_plugin_a_concurrent_distribution_fails_leaves_nothing_and_says_what_to_do()
    {
        Require();
        if (healthy.Coordinator.Get<long>("SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'") == 0)
            Assert.Skip("needs a minor release of PostgreSQL that has output_plugin_libraries");
        healthy.Coordinator.Run("CREATE TABLE undistributed (id bigint PRIMARY KEY)",
            "INSERT INTO undistributed SELECT generate_series(1, 500)");
        try
        {
            foreach (NodeUnderTest node in healthy.Nodes)
                node.Run("ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'test_decoding'", "SELECT pg_reload_conf()");
            PSObject found = Check("LogicalTransfers", "Warning");
            long records = healthy.Coordinator.Get<long>("SELECT count(*) FROM pg_dist_cleanup");

            ErrorRecord failed = Shell.Run("New-DistributedTable undistributed id -ShardCount 4 -Concurrently").Failed("CitusServerError");
            Assert.Contains("has all its rows and is a local table, as before", failed.Exception.Message, StringComparison.Ordinal);
            Assert.Contains("First add citus to output_plugin_libraries", failed.Exception.Message, StringComparison.Ordinal);
            ErrorRecord unmade = Shell.Run("New-DistributedTable unmade id -Definition 'id bigint PRIMARY KEY' -ShardCount 4 -Concurrently")
                .Failed("CitusServerError");
            Assert.Contains("unmade, which had been created for this, is dropped again", unmade.Exception.Message,
                StringComparison.Ordinal);

            // Citus itself may have cleaned up meanwhile what was there before.
            Assert.InRange(healthy.Coordinator.Get<long>("SELECT count(*) FROM pg_dist_cleanup"), 0, records);
            healthy.Coordinator.Run("CREATE TABLE uneven (id bigint PRIMARY KEY)",
                "SELECT create_distributed_table('uneven', 'id', shard_count => 4, colocate_with => 'none')",
                """
                SELECT citus_move_shard_placement(s.shardid, s.nodename, s.nodeport, t.nodename, t.nodeport, 'block_writes')
                FROM citus_shards s, (SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 ORDER BY groupid LIMIT 1) t
                WHERE s.table_name = 'uneven'::regclass AND (s.nodename, s.nodeport) <> (t.nodename, t.nodeport)
                """, "CALL citus_cleanup_orphaned_resources()");
            Assert.Contains("Test-CitusCluster LogicalTransfers",
                Shell.Run("Start-ShardRebalance -Confirm:$false").Failed("CitusRebalanceRefused").Exception.Message,
                StringComparison.Ordinal);

            Assert.Equal(500L, healthy.Coordinator.Get<long>("SELECT count(*) FROM undistributed"));
            Assert.Equal(0L, healthy.Coordinator.Get<long>("SELECT count(*) FROM pg_dist_partition WHERE logicalrelid::text IN "
                + "('undistributed', 'unmade')"));
            foreach (NodeUnderTest node in healthy.Nodes)
            {
                Assert.Equal(0L, node.Get<long>("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND (relname LIKE 'unmade%' OR "
                    + "relname ~ '^undistributed_[0-9]+$')"));
                Assert.Equal(0L, node.Get<long>("SELECT (SELECT count(*) FROM pg_publication WHERE pubname LIKE 'citus%') + (SELECT "
                    + "count(*) FROM pg_replication_slots WHERE slot_name LIKE 'citus%')"));
            }

            healthy.Follow((string)found.Get("Fix")!);

            Check("LogicalTransfers", "Passed");
            Assert.Equal(4L, Shell.Run("New-DistributedTable undistributed id -ShardCount 4 -Concurrently").Single.Get("ShardCount"));
            Assert.Equal(500L, healthy.Coordinator.Get<long>("SELECT count(*) FROM undistributed"));
        }
        finally
        {
            foreach (NodeUnderTest node in healthy.Nodes)
                node.Run("ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'test_decoding', 'citus'", "SELECT pg_reload_conf()");
            healthy.Coordinator.Run("DROP TABLE IF EXISTS undistributed, unmade, uneven");
        }
    }

    [Fact]
    public void A_value_that_makes_its_shard_uneven_is_isolated_and_the_shards_are_even_then()
    {
        Require();
        // One user has half as many rows as a mean shard, in a shard that is otherwise like the others.
        healthy.Coordinator.Run("CREATE TABLE heavy (user_id bigint, note text)",
            "SELECT create_distributed_table('heavy', 'user_id', colocate_with := 'none', shard_count := 4)",
            "INSERT INTO heavy SELECT i % 4000, 'note' FROM generate_series(1, 40000) i",
            "INSERT INTO heavy SELECT 7, 'note' FROM generate_series(1, 6000) i");
        try
        {
            PSObject skew = Shell.Run("Measure-ShardSkew heavy -By Rows").Single;
            Assert.Equal(("Uneven", "IsolateTenant"), (skew.Get("Verdict")!.ToString(), skew.Get("Recommendation")!.ToString()));
            Assert.Contains("user_id 7 has 6,010 of the", (string)skew.Get("Reason")!, StringComparison.Ordinal);

            // The table has no key, so its shards are only copied while writers wait.
            Assert.Equal("Split-Tenant 'heavy' '7' -TransferMode block_writes\nStart-ShardRebalance -Wait -TransferMode block_writes",
                skew.Get("Fix"));
            healthy.Follow(((string)skew.Get("Fix")!).Split('\n')[0]);

            PSObject after = Shell.Run("Measure-ShardSkew heavy -By Rows").Single;
            Assert.True((double)after.Get("MaxToMean")! < 1.6);
            Assert.NotEqual("IsolateTenant", after.Get("Recommendation")!.ToString());
        }
        finally
        {
            healthy.Coordinator.Run("DROP TABLE heavy");
        }
    }

    [Fact]
    public void The_fix_of_every_check_is_run_or_says_why_it_can_t_be()
    {
        Cluster.Require();
        string[] checks = [.. Shell.Get("Get-CitusCheck").Select(c => (string)c.Get("Check")!)];
        HashSet<string> run = [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .Where(f => f.EndsWith("FaultTests.cs", StringComparison.Ordinal) || f.EndsWith("FixTests.cs", StringComparison.Ordinal))
            .SelectMany(f => Regex.Matches(File.ReadAllText(f), @"(?:Expect\(""(\w+)"", ""|Check\(""(\w+)"", ""Passed"")"))
            .Select(m => m.Groups[1].Value + m.Groups[2].Value)];

        Assert.Empty(checks.Except(run).Except(FixesNotRun.Reasons.Keys));
        Assert.Empty(FixesNotRun.Reasons.Keys.Except(checks));
    }

    private void Require()
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
    }

    private PSObject Check(string name, string status)
    {
        PSObject result = Shell.Run($"Test-CitusCluster {name}").Single;
        for (int i = 0; i < 40 && result.Get("Status")!.ToString() != status; i++)
        {
            // A reloaded setting takes a moment to be seen.
            Thread.Sleep(100);
            result = Shell.Run($"Test-CitusCluster {name}").Single;
        }
        Assert.Equal(status, result.Get("Status")!.ToString());
        return result;
    }
}
