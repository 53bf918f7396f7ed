using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Update-CitusStatistic, read back from the nodes' catalogs.</summary>
public sealed class StatisticsTests(ClusterFixture cluster, ChangedCluster changed) : ClusterTest(cluster), IClassFixture<ChangedCluster>
{
    [Fact]
    public void Every_shard_of_the_named_tables_is_analyzed_and_no_other()
    {
        Require();
        Fill("named", 4);
        Fill("unnamed", 4);
        changed.Execute("CREATE TABLE everywhere (id bigint PRIMARY KEY)", "SELECT create_reference_table('everywhere')",
            "INSERT INTO everywhere SELECT generate_series(1, 300)");
        string digest = changed.Digest();
        Assert.Equal(["ANALYZE public.named"], (IEnumerable<string>)Shell.Run("Update-CitusStatistic named -WhatIf").Single.Get("Sql")!);
        Assert.Equal(4, Unanalyzed("named"));
        int logged = changed.Log().Length;

        IReadOnlyList<PSObject> found = Shell.Get("Get-DistributedTable named, everywhere | Update-CitusStatistic");

        Assert.Contains("execute <unnamed>: ANALYZE public.named\n", changed.Log()[logged..], StringComparison.Ordinal);
        Assert.Equal((0, 4, 0), (Unanalyzed("named"), Unanalyzed("unnamed"), Unanalyzed("everywhere")));
        Assert.Equal(["everywhere 1 300 300", "named 4 2000 2000"], found.Select(s => $"{s.Get("Table")} {s.Get("ShardCount")} "
            + $"{s.Get("EstimatedRows")} {s.Get("LiveRows")}").Order());
        Assert.All(found, s => Assert.Equal((0, 0, 0L), ((int)s.Get("MissingShards")!, (int)s.Get("StaleShards")!, (long)s.Get("ChangedRows")!)));
        Assert.All(found, s => Assert.InRange(DateTime.UtcNow - (DateTime)s.Get("LastAnalyzed")!, TimeSpan.FromSeconds(-5), TimeSpan.FromMinutes(2)));
        Assert.Equal(digest, changed.Digest());
        changed.Execute("DROP TABLE named, unnamed, everywhere");
    }

    [Fact]
    public void Those_are_found_whose_statistics_are_missing_or_stale()
    {
        Require();
        Fill("missing", 4);
        Fill("stale", 4);
        Fill("fresh", 4);
        changed.Execute("CREATE TABLE parted (id bigint, at date) PARTITION BY RANGE (at)",
            "CREATE TABLE parted_1 PARTITION OF parted DEFAULT",
            "SELECT create_distributed_table('parted', 'id', shard_count := 4, colocate_with := 'none')",
            "INSERT INTO parted SELECT i, '2026-01-01' FROM generate_series(1, 400) i", "ANALYZE stale", "ANALYZE fresh",
            "UPDATE stale SET note = 'y'", "SELECT pg_stat_force_next_flush()");
        Eventually(() => Tables(Shell.Run("Update-CitusStatistic -WhatIf")), "missing, parted, stale");

        IReadOnlyList<PSObject> found = Shell.Run("Update-CitusStatistic").Succeeded().Output;

        Assert.Equal(["missing 2000", "parted 400", "stale 2000"], found.Select(s => $"{s.Get("Table")} {s.Get("EstimatedRows")}"));
        Assert.Equal((0, 0, 0), (Unanalyzed("missing"), Unanalyzed("parted"), Unanalyzed("parted_1")));
        Assert.Empty(Shell.Run("Update-CitusStatistic -WhatIf").Succeeded().Output);
        changed.Execute("DROP TABLE missing, stale, fresh, parted");
    }

    [Fact]
    public void A_table_that_was_just_loaded_is_stale_before_its_counters_say_so()
    {
        Require();
        Fill("grown", 4);
        changed.Execute("CREATE TABLE filled (id bigint PRIMARY KEY, note text)",
            "SELECT create_distributed_table('filled', 'id', shard_count := 4, colocate_with := 'none')", "ANALYZE grown, filled");
        Assert.Empty(Shell.Run("Update-CitusStatistic -WhatIf").Succeeded().Output);

        foreach (string table in (string[])["grown", "filled"])
        {
            Shell["rows"] = Enumerable.Range(10_000, 5000).Select(i => PSObject.AsPSObject(new { id = i, note = "y" })).ToArray();
            Shell.Run($"$rows | Add-CitusRow {table}").Succeeded();
        }
        IReadOnlyList<PSObject> found = Shell.Run("Update-CitusStatistic").Succeeded().Output;

        Assert.Equal(["filled 5000", "grown 7000"], found.Select(s => $"{s.Get("Table")} {s.Get("EstimatedRows")}"));
        changed.Execute("DROP TABLE grown, filled");
    }

    [Fact]
    public void All_tables_of_a_schema_are_analyzed_whatever_they_have()
    {
        Require();
        changed.Execute("CREATE SCHEMA \"My Stats\"");
        Fill("\"My Stats\".\"The Events\"", 4);
        changed.Execute("ANALYZE \"My Stats\".\"The Events\"");

        Assert.Equal("\"My Stats\".\"The Events\" 2000", $"{Shell.Run("Update-CitusStatistic -Schema 'My Stats'").Single.Get("Table")} "
            + $"{Shell.Run("Update-CitusStatistic -Schema 'My Stats'").Single.Get("EstimatedRows")}");
        Shell.Run("Update-CitusStatistic -Schema nowhere").Failed("CitusSchemaNotFound");
        changed.Execute("DROP SCHEMA \"My Stats\" CASCADE");
    }

    [Fact]
    public void A_role_that_does_not_own_the_table_is_told_so_and_the_grant_works()
    {
        Require();
        Fill("owned", 4);
        string password = new NpgsqlConnectionStringBuilder(changed.ConnectionString).Password!;
        changed.Execute("CREATE ROLE stats_owner", "ALTER TABLE owned OWNER TO stats_owner",
            $"CREATE ROLE analyst LOGIN PASSWORD '{password}'");
        Shell["text"] = changed.ConnectionString.Replace("Username=postgres", "Username=analyst", StringComparison.Ordinal);
        try
        {
            Shell.Run("$null = Connect-CitusCluster -ConnectionString $text -Name analyst").Succeeded();
            string said = Shell.Run("Update-CitusStatistic owned -Connection analyst").Failed("CitusPermissionDenied").Exception.Message;
            RunResult all = Shell.Run("Update-CitusStatistic -Connection analyst").Succeeded();

            Assert.Equal(4, Unanalyzed("owned"));
            Assert.Contains("analyst is not their owner: owned", Assert.Single(all.Warnings), StringComparison.Ordinal);
            changed.Execute(System.Text.RegularExpressions.Regex.Match(said, "GRANT [^;]+").Value);
            Assert.Equal(2000L, Shell.Run("Update-CitusStatistic owned -Connection analyst").Single.Get("EstimatedRows"));
            Assert.Equal(0, Unanalyzed("owned"));
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster analyst");
            changed.Execute("DROP TABLE owned", "DROP ROLE stats_owner", "DROP ROLE analyst");
        }
    }

    private void Require()
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
        foreach (int port in changed.Ports)
        {
            using var node = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(changed.ConnectionString) { Port = port }.ToString());
            node.Open();
            foreach (string sql in (string[])["ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"])
                new NpgsqlCommand(sql, node).ExecuteNonQuery();
        }
    }

    private void Fill(string table, int shards) => changed.Execute($"CREATE TABLE {table} (id bigint PRIMARY KEY, note text)",
        $"SELECT create_distributed_table('{table}', 'id', shard_count := {shards}, colocate_with := 'none')",
        $"INSERT INTO {table} SELECT i, 'x' FROM generate_series(1, 2000) i");

    /// <summary>How many placements of a table's shards have no statistics, by their own nodes.</summary>
    private int Unanalyzed(string table) => (int)changed.Scalar<long>($"""
        SELECT sum(result::int) FROM run_command_on_placements('{table}', 'SELECT (reltuples < 0)::int FROM pg_class WHERE oid = ''%s''::regclass')
        """);

    private static string Tables(RunResult plans) => string.Join(", ", plans.Succeeded().Output.Select(p => (string)p.Get("Target")!));

    private static void Eventually(Func<string> actual, string expected)
    {
        // Counters of changed rows are written by their sessions with a delay.
        for (int i = 0; i < 60 && actual() != expected; i++) Thread.Sleep(250);
        Assert.Equal(expected, actual());
    }
}
