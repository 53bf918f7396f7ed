using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>What stands in the way of a newer Citus or PostgreSQL: each made, found by its own check alone, and fixed as printed.</summary>
public sealed class UpgradeFaultTests(ClusterFixture cluster, HealthyCluster healthy) : FaultTests(cluster, healthy),
    IClassFixture<HealthyCluster>
{
    private const string Alone = "SET citus.enable_ddl_propagation = off";

    /// <summary>Of PostgreSQL 15, which Citus 14 does not run on, its own test tells.</summary>
    protected override string Selection => "-Category Upgrade -Exclude ServerRelease";

    [Fact]
    public void Nothing_stands_in_the_way_of_a_healthy_cluster_and_no_check_runs_unless_it_is_asked_for()
    {
        Assert.Empty(Found());
        Assert.DoesNotContain(Shell.Get("Test-CitusCluster"), c => c.Get("Category")!.ToString() == "Upgrade");
        Assert.Equal(Shell.Get("Get-CitusCheck -Category Upgrade").Select(c => c.Get("Check")),
            Shell.Get("Test-CitusCluster -Category Upgrade").Select(c => c.Get("Check")));
        Assert.Equal("LogicalSlots", Shell.Run("Test-CitusCluster LogicalSlots").Single.Get("Check"));
        Assert.Empty(Shell.Get("Test-CitusCluster LogicalSlots -Category Nodes"));
    }

    [Fact]
    public void A_PostgreSQL_that_the_next_Citus_does_not_run_on_is_a_warning()
    {
        PSObject release = Shell.Run("Test-CitusCluster ServerRelease").Single;

        Assert.Equal(Cluster.PostgresMajor < 16 ? "Warning" : "Passed", release.Get("Status")!.ToString());
        if (Cluster.PostgresMajor < 16) Assert.Contains("to 16 to 17", (string)release.Get("Fix")!);
    }

    [Theory]
    [InlineData("orders-42", "citus", "ROLLBACK PREPARED 'orders-42'; -- on ")]
    [InlineData("citus_0_99999_1_1", "citus", "Repair-CitusCluster -OlderThan 0")]
    [InlineData("elsewhere", "postgres", "ROLLBACK PREPARED 'elsewhere'; -- on ")]
    public void A_transaction_that_is_prepared_whatever_its_age(string gid, string database, string fix)
    {
        PSObject found = Expect("PendingCommits", "Failed",
            () => In(database, "BEGIN", "CREATE TABLE half_done (id int)", $"PREPARE TRANSACTION '{gid}'"),
            () => IfStillThere(() => In(database, $"ROLLBACK PREPARED '{gid}'")),
            fill: printed =>
            {
                if (database == "citus") return printed;
                In(database, printed.Split(';')[0]); // as its comment says
                return "SELECT 1";
            });

        Assert.StartsWith(fix, (string)found.Get("Fix")!);
        Assert.Equal((Worker.Name, gid), (Assert.Single(Evidence(found)).Get("Node"), Evidence(found)[0].Get("Gid")));
    }

    [Fact]
    public void A_background_job_that_runs()
    {
        PSObject found = Expect("RunningJobs", "Failed",
            ["INSERT INTO pg_dist_background_job (job_type, description, started_at) VALUES ('test', 'a task that takes a while', now())",
                "INSERT INTO pg_dist_background_task (job_id, command) SELECT max(job_id), 'SELECT pg_sleep(4)' FROM pg_dist_background_job"],
            ["DELETE FROM pg_dist_background_task", "DELETE FROM pg_dist_background_job"]);

        Assert.StartsWith("Wait-CitusJob ", (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_shard_that_a_session_moves()
    {
        Coordinator.Run("CREATE TABLE moving (id bigint PRIMARY KEY)",
            "SELECT create_distributed_table('moving', 'id', shard_count := 4, colocate_with := 'none')");
        string move = Coordinator.Get<string>($"""
            SELECT format('SELECT citus_move_shard_placement(%s, ''127.0.0.1'', {Worker.Port}, ''127.0.0.1'', {Healthy.Nodes[1].Port}, ''block_writes'')', shardid)
            FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE logicalrelid = 'moving'::regclass AND groupid = 2 LIMIT 1
            """);
        using NpgsqlConnection writer = Coordinator.Open(), mover = Coordinator.Open();
        NpgsqlTransaction? held = null;
        Task<int>? moved = null;
        PSObject found = Expect("RunningJobs", "Failed",
            () =>
            {
                held = writer.BeginTransaction();
                new NpgsqlCommand("INSERT INTO moving SELECT generate_series(1, 100)", writer, held).ExecuteNonQuery();
                moved = new NpgsqlCommand(move, mover).ExecuteNonQueryAsync();
            },
            () => { }, wait: true, fill: _ =>
            {
                held!.Commit();
                moved!.Wait();
                return "SELECT 1";
            });

        Assert.Contains("the move of moving, by process", (string)found.Get("Fix")!);
        Coordinator.Run("DROP TABLE moving", "CALL citus_cleanup_orphaned_resources()");
    }

    [Fact]
    public void An_extension_that_is_behind_its_package()
    {
        PSObject found = Expect("ExtensionVersions", "Warning",
            () => Worker.Run(Alone, "CREATE EXTENSION citus_columnar VERSION '12.2-1'"),
            () => Worker.Run(Alone, "DROP EXTENSION citus_columnar"));

        Assert.Contains($"citus_columnar 12.2-1 on {Worker.Name}, whose packages have ", (string)found.Get("Actual")!);
    }

    [Fact]
    public void A_Citus_that_was_not_updated_on_a_worker()
    {
        string version = Worker.Get<string>("SELECT extversion FROM pg_extension WHERE extname = 'citus'");
        PSObject found = Expect("ExtensionVersions", "Failed",
            () => Worker.Run($"UPDATE pg_extension SET extversion = '{version.Split('-')[0]}-0' WHERE extname = 'citus'"),
            () => Worker.Run($"UPDATE pg_extension SET extversion = '{version}' WHERE extname = 'citus'"),
            // There is no script from a version that never was.
            fill: fix =>
            {
                Assert.Contains($"ALTER EXTENSION \"citus\" UPDATE; RESET citus.enable_ddl_propagation; -- on {Worker.Name}", fix);
                return $"UPDATE pg_extension SET extversion = '{version}' WHERE extname = 'citus' -- on {Worker.Name}";
            });

        Assert.Equal(Worker.Name, Assert.Single(Evidence(found)).Get("Node"));
    }

    [Fact]
    public void A_table_of_an_access_method_that_no_extension_brings()
    {
        PSObject found = Expect("AccessMethods", "Warning",
            () => Worker.Run(Alone, "CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler",
                "CREATE TABLE odd (id int) USING heap_too"),
            () => Worker.Run(Alone, "DROP TABLE odd", "DROP ACCESS METHOD heap_too"));

        Assert.Equal($"odd on {Worker.Name}: heap_too", found.Get("Actual"));
    }

    [Theory]
    [InlineData("regproc", "'now'")]
    [InlineData("regnamespace[]", "'{public}'")]
    public void A_column_of_a_type_that_pg_upgrade_refuses(string type, string value)
    {
        PSObject found = Expect("ColumnTypes", "Failed",
            [$"CREATE TABLE typed (id bigint PRIMARY KEY, \"The Type\" {type}, fine regclass)",
                "SELECT create_distributed_table('typed', 'id', shard_count := 4, colocate_with := 'none')",
                $"INSERT INTO typed VALUES (1, {value}, 'pg_class')"],
            ["DROP TABLE typed"]);

        object column = Assert.Single(Evidence(found));
        Assert.Equal(("typed", "\"The Type\"", type), (column.Get("Table"), column.Get("Name"), column.Get("Type")));
    }

    [Fact]
    public void A_column_whose_type_is_made_of_such_a_type_on_one_node()
    {
        PSObject found = Expect("ColumnTypes", "Failed",
            () => Worker.Run(Alone, "CREATE DOMAIN a_function AS regprocedure", "CREATE TABLE typed_here (id int, f a_function)"),
            () => Worker.Run(Alone, "DROP TABLE typed_here", "DROP DOMAIN a_function"));

        Assert.Equal("typed_here.f is a_function", ((string)found.Get("Actual")!).Replace("public.", "", StringComparison.Ordinal));
    }

    [Fact]
    public void A_logical_replication_slot()
    {
        PSObject found = Expect("LogicalSlots", "Warning",
            () => Worker.Run("SELECT pg_create_logical_replication_slot('changes', 'pgoutput')"),
            () => IfStillThere(() => Worker.Run("SELECT pg_drop_replication_slot('changes')")));

        Assert.Equal($"changes on {Worker.Name}", found.Get("Actual"));
    }

    [Fact]
    public void A_collation_of_another_version_than_its_library()
    {
        Coordinator.Run("CREATE COLLATION german (provider = icu, locale = 'de-DE')",
            "CREATE TABLE words (id bigint PRIMARY KEY, word text COLLATE german)",
            "CREATE INDEX ON words (word)", "SELECT create_distributed_table('words', 'id', shard_count := 4, colocate_with := 'none')");
        PSObject found = Expect("CollationVersions", "Failed",
            () => Worker.Run("UPDATE pg_collation SET collversion = '1.0' WHERE collname = 'german'"),
            () => { });

        Assert.Contains($"german on {Worker.Name}: recorded 1.0, now ", (string)found.Get("Actual")!);
        Assert.NotEqual("1.0", Worker.Get<string>("SELECT collversion FROM pg_collation WHERE collname = 'german'"));
        Coordinator.Run("DROP TABLE words", "DROP COLLATION german");
    }

    [Fact]
    public void Colocated_tables_whose_collation_is_not_recorded()
    {
        PSObject found = Expect("ColocatedCollations", "Warning",
            () =>
            {
                Coordinator.Run("CREATE TABLE by_c (login text COLLATE \"C\" PRIMARY KEY)",
                    "CREATE TABLE \"By C\" (login text COLLATE \"C\" PRIMARY KEY)",
                    "SELECT create_distributed_table('by_c', 'login', shard_count := 4, colocate_with := 'none')",
                    "SELECT create_distributed_table('\"By C\"', 'login', colocate_with := 'by_c')");
                // From 14 on it is recorded.
                foreach (NodeUnderTest node in Healthy.Nodes)
                    node.Run("UPDATE pg_dist_colocation SET distributioncolumncollation = 100 WHERE distributioncolumncollation = '\"C\"'::regcollation");
            },
            () =>
            {
                Assert.Equal("1 C", Coordinator.Get<string>("SELECT count(DISTINCT colocationid) || ' ' || min(collname) FROM pg_dist_partition "
                    + "JOIN pg_dist_colocation USING (colocationid) JOIN pg_collation c ON c.oid = distributioncolumncollation "
                    + "WHERE logicalrelid IN ('by_c'::regclass, '\"By C\"'::regclass)"));
                Coordinator.Run("DROP TABLE by_c, \"By C\"");
            });

        Assert.Equal(["\"By C\"", "by_c"], Evidence(found).Select(t => (string)t.Get("Name")!));
    }

    [Fact]
    public void A_database_that_takes_no_connections()
    {
        PSObject found = Expect("ClosedDatabases", "Failed",
            () => Worker.Run(Alone, "ALTER DATABASE template1 ALLOW_CONNECTIONS false"),
            () => Worker.Run(Alone, "ALTER DATABASE template1 ALLOW_CONNECTIONS true"));

        Assert.Equal($"template1 on {Worker.Name}", found.Get("Actual"));
    }

    [Fact]
    public void A_table_that_lacks_its_parents_not_null()
    {
        string[] make = [Alone, "CREATE TABLE parent_here (id int NOT NULL)", "CREATE TABLE child_here () INHERITS (parent_here)",
            "ALTER TABLE child_here ALTER COLUMN id DROP NOT NULL"];
        if (Cluster.PostgresMajor >= 18)
        {
            Assert.ThrowsAny<PostgresException>(() => Worker.Run(make));
            Worker.Run(Alone, "DROP TABLE parent_here CASCADE");
            return;
        }
        PSObject found = Expect("InheritedNotNull", "Failed", () => Worker.Run(make),
            () => Worker.Run(Alone, "DROP TABLE parent_here CASCADE"));

        Assert.Equal($"child_here.id on {Worker.Name} may be NULL, and that of parent_here not", found.Get("Actual"));
    }

    [Fact]
    public void A_node_whose_checksums_differ()
    {
        string now = Worker.Get<string>("SHOW data_checksums");
        PSObject found = Expect("InitdbOptions", "Warning", () => Checksums(now == "off" ? "--enable" : "--disable"),
            () => Checksums(now == "off" ? "--disable" : "--enable"));

        Assert.Equal(3, Evidence(found).Length);
        Assert.Contains("checksums on", (string)found.Get("Actual")!);
        Assert.Contains("checksums off", (string)found.Get("Actual")!);
    }

    private void Checksums(string action)
    {
        Worker.Stop();
        Worker.ExecuteProgram("pg_checksums", action, "-D", Worker.Data);
        Worker.Start();
    }

    private void In(string database, params string[] statements)
    {
        using NpgsqlDataSource source = Worker.Connect("postgres", database);
        using NpgsqlConnection session = source.OpenConnection();
        foreach (string sql in statements) new NpgsqlCommand(sql, session).ExecuteNonQuery();
    }
}
