using System.Management.Automation;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>Faults of tables and their shards, and of what runs on them.</summary>
public sealed class TableFaultTests(ClusterFixture cluster, HealthyCluster healthy) : FaultTests(cluster, healthy),
    IClassFixture<HealthyCluster>
{
    [Fact]
    public void A_unique_index_that_could_not_be_built()
    {
        PSObject found = Expect("InvalidIndexes", "Failed",
            () => Assert.Throws<PostgresException>(() =>
                Coordinator.Run("CREATE UNIQUE INDEX CONCURRENTLY one_event_each ON payment_events (user_id)")),
            () => Coordinator.Run("DROP INDEX IF EXISTS one_event_each"));

        Assert.Contains(Evidence(found), e => ((string)e.Get("Name")!).StartsWith("one_event_each", StringComparison.Ordinal));
        Assert.StartsWith("DROP INDEX IF EXISTS one_event_each", (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_table_most_of_whose_rows_have_one_value()
    {
        PSObject found = Expect("TableSkew", "Warning",
            [.. Create("skewed", "skewed_id bigint, n bigint, note text, PRIMARY KEY (skewed_id, n)"),
                "INSERT INTO skewed SELECT 5, i, repeat('x', 100) FROM generate_series(1, 100000) i", "ANALYZE skewed"],
            ["DROP TABLE IF EXISTS skewed"]);

        object skew = Assert.Single(Evidence(found));
        Assert.Equal("skewed", skew.Get("Table"));
        Assert.InRange((double)skew.Get("Factor")!, 3, 4);
    }

    [Fact]
    public void Nodes_that_a_rebalance_would_even_out()
    {
        PSObject found = Expect("NodeSkew", "Warning",
            [$"SELECT citus_set_node_property('127.0.0.1', {Worker.Port}, 'shouldhaveshards', false)",
                .. Create("lopsided", "lopsided_id bigint PRIMARY KEY"),
                $"SELECT citus_set_node_property('127.0.0.1', {Worker.Port}, 'shouldhaveshards', true)"],
            ["DROP TABLE IF EXISTS lopsided"]);

        Assert.Contains("2 move(s) to make", (string)found.Get("Actual")!);
        Assert.All(Evidence(found), move => Assert.Equal((Healthy.Nodes[1].Name, Worker.Name), (move.Get("From"), move.Get("To"))));
        Assert.All(Evidence(found), move => Assert.InRange((long)move.Get("SizeBytes")!, 1, 1 << 20));
    }

    [Fact]
    public void Shards_that_were_never_analyzed()
    {
        PSObject found = Expect("ShardStatistics", "Warning",
            [.. Create("unknown", "unknown_id bigint PRIMARY KEY, note text"),
                "INSERT INTO unknown SELECT i, repeat('x', 200) FROM generate_series(1, 40000) i"], ["DROP TABLE IF EXISTS unknown"]);

        Assert.Equal("Update-CitusStatistic unknown", found.Get("Fix"));
        Assert.Equal(4, Assert.Single(Evidence(found)).Get("Shards"));
    }

    [Fact]
    public void A_table_of_dead_rows()
    {
        PSObject found = Expect("TableBloat", "Warning",
            [.. Create("dying", "dying_id bigint PRIMARY KEY"), "INSERT INTO dying SELECT generate_series(1, 15000)",
                "DELETE FROM dying WHERE dying_id > 100"], ["DROP TABLE IF EXISTS dying"], wait: true);

        Assert.Equal("dying", Assert.Single(Evidence(found)).Get("Table"));
        Assert.StartsWith("VACUUM (ANALYZE) dying;", (string)found.Get("Fix")!);
    }

    [Fact]
    public void Tables_whose_columns_have_different_collations_are_not_told_to_be_colocated()
    {
        try
        {
            Coordinator.Run("CREATE TABLE by_c (login text COLLATE \"C\" PRIMARY KEY)", "CREATE TABLE by_default (login text PRIMARY KEY)",
                "SELECT create_distributed_table('by_c', 'login', colocate_with := 'none')",
                "SELECT create_distributed_table('by_default', 'login', colocate_with := 'none')");

            Assert.Equal("Passed", Shell.Run("Test-CitusCluster -Check ColocatableTables").Single.Get("Status")!.ToString());
            Assert.ThrowsAny<PostgresException>(() =>
                Coordinator.Run("SELECT alter_distributed_table('by_default', colocate_with := 'by_c')"));
        }
        finally
        {
            Coordinator.Run("DROP TABLE IF EXISTS by_c, by_default");
        }
    }

    [Fact]
    public void A_table_that_could_be_colocated_and_is_not()
    {
        PSObject found = Expect("ColocatableTables", "Warning", Create("apart", "user_id bigint PRIMARY KEY"),
            ["DROP TABLE IF EXISTS apart"]);

        Assert.StartsWith("Set-DistributedTable apart -ColocateWith payment_", (string)found.Get("Fix")!);
        try
        {
            Coordinator.Run(Create("apart", "user_id bigint PRIMARY KEY"));
            Healthy.Follow((string)found.Get("Fix")!);
            Assert.Empty(Found());
        }
        finally
        {
            Coordinator.Run("DROP TABLE IF EXISTS apart");
        }
    }

    [Fact]
    public void A_table_that_nobody_reads()
    {
        PSObject found = Expect("UnusedTables", "Warning",
            [.. Create("unread", "unread_id bigint PRIMARY KEY"), "INSERT INTO unread VALUES (1)", "SELECT pg_sleep(0.1)"],
            ["DROP TABLE IF EXISTS unread"], "@{ UnusedTables = 0 }", wait: true);

        Assert.Equal("unread", Assert.Single(Evidence(found)).Get("Table"));
    }

    [Fact]
    public void A_serial_column_of_four_bytes()
    {
        PSObject found = Expect("NarrowSequences", "Warning", Create("narrow", "narrow_id bigint PRIMARY KEY, n serial"),
            ["DROP TABLE IF EXISTS narrow"], fill: fix => fix + "\n" + Create("narrow", "narrow_id bigint")[1]
                + "\nINSERT INTO narrow (narrow_id) VALUES (1) -- on " + Worker.Name);

        object column = Assert.Single(Evidence(found));
        Assert.Equal(("narrow", "n", "integer", "narrow_n_seq"),
            (column.Get("Table"), column.Get("Name"), column.Get("Type"), column.Get("Sequence")));
        Assert.ThrowsAny<PostgresException>(() =>
        {
            Coordinator.Run(Create("narrow", "narrow_id bigint PRIMARY KEY, n serial"));
            try { Worker.Run("INSERT INTO narrow (narrow_id) VALUES (1)"); }
            finally { Coordinator.Run("DROP TABLE IF EXISTS narrow"); }
        });
    }

    [Fact]
    public void A_large_table_on_the_coordinator()
    {
        PSObject found = Expect("LargeLocalTables", "Warning",
            ["CREATE TABLE local_only (id bigint PRIMARY KEY, note text)",
                "INSERT INTO local_only SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i"], ["DROP TABLE IF EXISTS local_only"],
                "@{ LargeLocalTables = 1MB }", fill: fix => fix.Replace("<column>", "id", StringComparison.Ordinal));

        Assert.Equal("local_only", Assert.Single(Evidence(found)).Get("Table"));
        Assert.StartsWith("New-DistributedTable local_only", (string)found.Get("Fix")!);
    }

    [Fact]
    public void Rows_left_behind_where_the_table_was()
    {
        PSObject found = Expect("ShellTableData", "Warning",
            ["CREATE TABLE moved_in (moved_in_id bigint PRIMARY KEY)", "INSERT INTO moved_in SELECT generate_series(1, 100)",
                "SELECT create_distributed_table('moved_in', 'moved_in_id', colocate_with := 'none', shard_count := 4)"],
                ["DROP TABLE IF EXISTS moved_in"]);

        Assert.Equal("Clear-LocalTableData moved_in", found.Get("Fix"));
    }

    [Theory]
    [InlineData]
    [InlineData("ALTER TABLE keyless REPLICA IDENTITY NOTHING")]
    [InlineData("CREATE UNIQUE INDEX keyless_index ON keyless (keyless_id)", "ALTER TABLE keyless REPLICA IDENTITY USING INDEX keyless_index",
        "DROP INDEX keyless_index")]
    public void A_table_without_a_key(params string[] faults)
    {
        PSObject found = Expect("ReplicaIdentity", "Warning", [.. Create("keyless", "keyless_id bigint NOT NULL"), .. faults],
            ["DROP TABLE IF EXISTS keyless"]);

        Assert.Equal("without one: keyless", found.Get("Actual"));
    }

    [Fact]
    public void An_unlogged_table()
    {
        PSObject found = Expect("UnloggedTables", "Warning",
            ["CREATE UNLOGGED TABLE fleeting (fleeting_id bigint PRIMARY KEY)",
                "SELECT create_distributed_table('fleeting', 'fleeting_id', colocate_with := 'none', shard_count := 4)"],
                ["DROP TABLE IF EXISTS fleeting"]);

        Assert.Equal("unlogged: fleeting", found.Get("Actual"));
    }

    [Fact]
    public void A_foreign_key_that_no_node_enforces()
    {
        PSObject found = Expect("ForeignKeys", "Failed",
            [.. Create("parents", "parent_id bigint, code bigint, PRIMARY KEY (parent_id)"),
                .. Create("children", "child_id bigint PRIMARY KEY, parent bigint"),
                "SET citus.enable_ddl_propagation = off",
                "ALTER TABLE children ADD CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parents NOT VALID"],
            ["SET citus.enable_ddl_propagation = off", "ALTER TABLE IF EXISTS children DROP CONSTRAINT IF EXISTS of_parent",
                "SET citus.enable_ddl_propagation = on", "DROP TABLE IF EXISTS children", "DROP TABLE IF EXISTS parents"]);

        object key = Assert.Single(Evidence(found));
        Assert.Equal(("of_parent", "children", "parents"), (key.Get("Name"), key.Get("Table"), key.Get("RefersTo")));
    }

    [Theory]
    [InlineData("woodgrove_{coordinator}_00000000000000000000000000000001_1_000100000000_102008", "Repair-CitusImport")]
    [InlineData("woodgrove_00000000000000000000000000000001_1_2", "ROLLBACK PREPARED 'woodgrove_00000000000000000000000000000001_1_2'")]
    [InlineData("orders-42", "ROLLBACK PREPARED 'orders-42'")]
    [InlineData("o'clock", "ROLLBACK PREPARED 'o''clock'")]
    public void A_transaction_that_stays_prepared(string name, string fix)
    {
        name = name.Replace("{coordinator}", Coordinator.Get<string>("SELECT lpad(to_hex(system_identifier), 16, '0') FROM "
            + "pg_control_system()"), StringComparison.Ordinal);
        // The ledger that decides; a load with an id makes it.
        Shell["csv"] = Cluster.File("ledger.csv", "merchant_id,name\n1000,x\n");
        Shell.Run("Import-CsvToCitus $csv payment_merchants -OnConflict Skip -ImportId ([guid]::NewGuid())").Succeeded();
        string literal = $"'{name.Replace("'", "''", StringComparison.Ordinal)}'";
        PSObject found = Expect("PreparedTransactions", "Failed",
            () => Worker.Run("BEGIN", "CREATE TABLE half_done (id int)", $"PREPARE TRANSACTION {literal}"),
            () => IfStillThere(() => Worker.Run($"ROLLBACK PREPARED {literal}")), "@{ PreparedTransactions = 0 }");

        Assert.Equal((Worker.Name, name), (Assert.Single(Evidence(found)).Get("Node"), Evidence(found)[0].Get("Gid")));
        Assert.StartsWith(fix, (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_transaction_of_Citus_that_stays_prepared()
    {
        PSObject found = Expect("PreparedTransactions", "Failed",
            () => Worker.Run("BEGIN", "CREATE TABLE half_done (id int)", "PREPARE TRANSACTION 'citus_0_99999_1_1'"),
            () => Coordinator.Run("SELECT recover_prepared_transactions()"), "@{ PreparedTransactions = 0 }");

        Assert.StartsWith("Repair-CitusCluster", (string)found.Get("Fix")!);
    }

    [Fact]
    public async Task A_statement_that_runs_for_long()
    {
        using NpgsqlConnection session = Coordinator.Open();
        Task<int>? running = null;
        PSObject found = Expect("LongTransactions", "Warning",
            () => running = new NpgsqlCommand("SELECT pg_sleep(30)", session).ExecuteNonQueryAsync(),
            () => Coordinator.Run($"SELECT pg_cancel_backend({session.ProcessID})"), "@{ LongTransactions = 0.7 }", wait: true);

        await Assert.ThrowsAsync<PostgresException>(() => running!);
        object evidence = Assert.Single(Evidence(found));
        Assert.Equal((session.ProcessID, "SELECT pg_sleep(30)"), (evidence.Get("Pid"), evidence.Get("Query")));
        Assert.Equal($"Stop-CitusActivity {evidence.Get("Session")}", found.Get("Fix"));
    }

    [Fact]
    public void A_session_that_forgot_to_commit()
    {
        using NpgsqlConnection session = Coordinator.Open();
        int pid = session.ProcessID;
        NpgsqlTransaction? open = null;
        PSObject found = Expect("IdleTransactions", "Warning",
            () =>
            {
                open = session.BeginTransaction();
                new NpgsqlCommand("SELECT count(*) FROM payment_users", session, open).ExecuteScalar();
            },
            () => IfStillThere(() => open!.Rollback()), "@{ IdleTransactions = 0.5 }", wait: true);

        Assert.Equal(pid, Assert.Single(Evidence(found)).Get("Pid"));
    }

    [Fact]
    public async Task A_session_that_waits_for_another()
    {
        using NpgsqlConnection holder = Coordinator.Open(), waiter = Coordinator.Open();
        int pid = holder.ProcessID, waiterPid = waiter.ProcessID;
        NpgsqlTransaction? held = null;
        Task<int>? waiting = null;
        PSObject found = Expect("LockWaits", "Warning",
            () =>
            {
                held = holder.BeginTransaction();
                new NpgsqlCommand("LOCK TABLE payment_users IN ACCESS EXCLUSIVE MODE", holder, held).ExecuteNonQuery();
                waiting = new NpgsqlCommand("LOCK TABLE payment_users IN ACCESS SHARE MODE", waiter,
                    waiter.BeginTransaction()).ExecuteNonQueryAsync();
            },
            () => IfStillThere(() => held!.Rollback()), "@{ LockWaits = 0.5 }", wait: true,
            // The size of a table that is locked cannot be asked for; who gives up says so.
            hides: skipped => ((string)skipped.Get("Actual")!).Contains("lock timeout", StringComparison.Ordinal));

        await waiting!;
        object wait = Assert.Single(Evidence(found));
        long coordinator = Coordinator.Get<int>("SELECT nodeid FROM pg_dist_node WHERE groupid = 0") * 10_000_000_000;
        Assert.Equal((coordinator + waiterPid, "payment_users"), (wait.Get("Session"), wait.Get("Object")));
        Assert.Equal([coordinator + pid], (long[])wait.Get("BlockedBy")!);
        Assert.StartsWith($"Stop-CitusActivity {coordinator + pid} -Force", (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_prepared_transaction_without_a_ledger_is_reported()
    {
        string name = "woodgrove_" + Coordinator.Get<string>("SELECT lpad(to_hex(system_identifier), 16, '0') FROM pg_control_system()")
            + "_00000000000000000000000000000002_1_000100000000_102008";
        Coordinator.Run("DROP SCHEMA IF EXISTS woodgrove CASCADE");
        Worker.Run("BEGIN", "CREATE TABLE half_done (id int)", $"PREPARE TRANSACTION '{name}'");
        try
        {
            PSObject kept = Shell.Run("Repair-CitusImport").Single;

            Assert.Equal(("Pending", Worker.Name, name), (kept.Get("Action")!.ToString(), kept.Get("Node"), kept.Get("Transaction")));
            Healthy.Follow(Regex.Match((string)kept.Get("Reason")!, "ROLLBACK PREPARED '[^']+'").Value + $" -- on {Worker.Name}");
            Assert.Empty(Shell.Get("Repair-CitusImport"));
        }
        finally
        {
            IfStillThere(() => Worker.Run($"ROLLBACK PREPARED '{name}'"));
        }
    }

    private static string[] Create(string table, string definition) =>
        [$"CREATE TABLE {table} ({definition})",
            $"SELECT create_distributed_table('{table}', '{definition.Split(' ')[0]}', colocate_with := 'none', shard_count := 4)"];
}
