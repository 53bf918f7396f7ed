using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Comparison;

/// <summary>Compare-CitusTable between two real clusters: what is equal is told so, and every damage by its key and columns.</summary>
public sealed class CompareTests(ComparedClusters clusters, ClusterFixture cluster)
    : ClusterTest(cluster), IClassFixture<ComparedClusters>
{
    private const string Kinds = """
        CREATE EXTENSION IF NOT EXISTS citus_columnar;
        CREATE TABLE k_events (event_id bigint, user_id bigint, details jsonb, at timestamptz, PRIMARY KEY (event_id, user_id));
        CREATE TABLE k_keyless (user_id bigint, note text);
        CREATE TABLE k_reference (code text PRIMARY KEY, rate numeric);
        CREATE TABLE k_single (id bigint PRIMARY KEY, note text);
        CREATE TABLE k_local (id bigint PRIMARY KEY, dropped int, note text, double_id bigint GENERATED ALWAYS AS (id * 2) STORED);
        ALTER TABLE k_local DROP COLUMN dropped;
        CREATE TABLE k_readings (user_id bigint NOT NULL, at date NOT NULL, value float8, PRIMARY KEY (user_id, at)) PARTITION BY RANGE (at);
        CREATE TABLE k_readings_24 PARTITION OF k_readings FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE k_readings_25 PARTITION OF k_readings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        CREATE TABLE k_archive (user_id bigint NOT NULL, note text) USING columnar;
        CREATE SCHEMA "Odd schema"; CREATE TABLE "Odd schema"."Odd ""table" ("Key" text NOT NULL, "a ""b" text, PRIMARY KEY ("Key"));
        CREATE SCHEMA k_tenant; CREATE TABLE k_tenant.orders (id bigint PRIMARY KEY, amount money);
        """;

    private static readonly Dictionary<string, string> Rows = new()
    {
        ["public.k_events"] = "SELECT i, i % 97, jsonb_build_object('n', i, 't', repeat('x', i % 50)), '2024-01-01'::timestamptz + i * interval '1 min' FROM generate_series(1, 3000) i",
        ["public.k_keyless"] = "SELECT i % 10, 'n' || i % 7 FROM generate_series(1, 700) i",
        ["public.k_reference"] = "SELECT 'c' || i, i / 3.0 FROM generate_series(1, 50) i",
        ["public.k_single"] = "SELECT i, 'single' FROM generate_series(1, 200) i",
        ["public.k_local"] = "SELECT i, CASE WHEN i % 3 > 0 THEN repeat('long ', i * 20) END FROM generate_series(1, 200) i",
        ["public.k_readings"] = "SELECT i % 50, '2024-01-01'::date + i, i * 1.1 FROM generate_series(1, 600) i",
        ["public.k_archive"] = "SELECT i, 'a' || i FROM generate_series(1, 1000) i",
        ["\"Odd schema\".\"Odd \"\"table\""] = "SELECT 'K' || i, ',(' || i FROM generate_series(1, 90) i",
        ["k_tenant.orders"] = "SELECT i, i::money FROM generate_series(1, 100) i",
    };

    [Fact]
    public void Tables_of_every_kind_are_equal_between_different_shard_counts_and_from_plain_tables()
    {
        Cluster.RequireCitus();
        clusters.Execute(Kinds);
        clusters.Execute(Distributed(8));
        // As in a plain database: neither distributed nor columnar. Half of the tables are, with other shard counts.
        clusters.Execute(clusters.Target, "DROP TABLE k_archive; CREATE TABLE k_archive (note text, user_id bigint NOT NULL);"
            + "SELECT undistribute_table('k_keyless'); SELECT alter_distributed_table('k_events', shard_count := 5)");
        foreach ((string table, string rows) in Rows)
            clusters.Execute($"INSERT INTO {table} {rows}".Replace("k_archive ", "k_archive (user_id, note) ")
                .Replace("k_local ", "k_local (id, note) "));

        RunResult all = clusters.Compare("*").Succeeded();

        foreach ((string table, string _) in Rows)
        {
            PSObject result = Assert.Single(all.Output, r => (string)r.Get("Table")! == table);
            Assert.True((bool)result.Get("IsEqual")!, $"{table}: {string.Join(", ", (IEnumerable<object>)result.Get("Differences")!)}");
            Assert.Empty((IEnumerable)result.Get("Differences")!);
            Assert.Equal(clusters.Scalar(clusters.Source, $"SELECT count(*) FROM {table}"), result.Get("SourceRows"));
            Assert.Equal(result.Get("SourceRows"), result.Get("TargetRows"));
            if (table != "public.k_archive") Assert.Equal(clusters.Content(clusters.Source, table), clusters.Content(clusters.Target, table));
            Assert.Equal(("Snapshot", "Snapshot"),
                (result.Get("SourceConsistency")!.ToString(), result.Get("TargetConsistency")!.ToString()));
        }
        Assert.DoesNotContain(all.Output, r => ((string)r.Get("Table")!).Contains("k_readings_2", StringComparison.Ordinal));
        Assert.Contains("source: 8 shards on 2 node(s)", (string)all.Output.First(r => (string)r.Get("Table")! == "public.k_events")
            .Get("Method")!,
            StringComparison.Ordinal);

        // One row of each is changed, and found.
        foreach ((string table, string change) in new[]
            {
                ("public.k_events", "UPDATE k_events SET details = '{}' WHERE event_id = 7"),
                ("public.k_keyless", "UPDATE k_keyless SET note = 'other' WHERE ctid = (SELECT min(ctid) FROM k_keyless)"),
                ("public.k_reference", "UPDATE k_reference SET rate = 7 WHERE code = 'c7'"),
                ("public.k_single", "DELETE FROM k_single WHERE id = 7"), ("public.k_local", "UPDATE k_local SET note = '' WHERE id = 3"),
                ("public.k_readings", "UPDATE k_readings SET value = -0.0 WHERE at = '2024-01-08'"),
                ("public.k_archive", "DELETE FROM k_archive WHERE user_id = 7"),
                ("k_tenant.orders", "INSERT INTO k_tenant.orders VALUES (777, 7)"),
                ("\"Odd schema\".\"Odd \"\"table\"", "UPDATE \"Odd schema\".\"Odd \"\"table\" SET \"a \"\"b\" = NULL WHERE \"Key\" = 'K7'"),
            })
        {
            clusters.Execute(clusters.Target, change);
            PSObject result = clusters.Compare(table).Single;
            Assert.False((bool)result.Get("IsEqual")!, table);
            Assert.InRange(((IEnumerable<object>)result.Get("Differences")!).Count(), 1, 2);
        }
    }

    [Fact]
    public void A_damage_in_a_row_is_told_by_its_key_and_a_row_past_Citus_by_its_shard()
    {
        Cluster.RequireCitus();
        string table = NewTable("id bigint PRIMARY KEY, a text, b text", "id", 8, 6);
        clusters.Execute($"INSERT INTO {table} SELECT i, 'a' || i, 'b' || i FROM generate_series(1, 2000) i");
        Assert.Empty(Differences(table));

        // Lost, added, swapped between rows.
        Damage($"DELETE FROM {table} WHERE id = 5", "OnlyInSource: id = 5");
        Damage($"INSERT INTO {table} VALUES (5000, 'a', 'b')", "OnlyInTarget: id = 5000");
        Damage($"UPDATE {table} SET a = CASE id WHEN 11 THEN 'a12' ELSE 'a11' END WHERE id IN (11, 12)",
            "Different: id = 11: a: 'a11' / 'a12'", "Different: id = 12: a: 'a12' / 'a11'");
        Damage($"UPDATE {table} SET a = b, b = a WHERE id = 11", "Different: id = 11: a: 'a11' / 'b11', b: 'b11' / 'a11'");

        // Doubled: the same row in another shard, which has no key in common with its own.
        (string Shard, int Port) right = clusters.ShardOf(clusters.Target, table, "33"),
            wrong = clusters.ShardOf(clusters.Target, table, "33", false);
        InShard(wrong, "INSERT INTO {shard} VALUES (33, 'a33', 'b33')", "DELETE FROM {shard} WHERE id = 33",
            "OnlyInTarget: id = 33", "MisplacedInTarget: id = 33");
        // A row of its own in the wrong shard.
        InShard(wrong, "INSERT INTO {shard} VALUES (33, 'x', 'y')", "DELETE FROM {shard} WHERE id = 33",
            "OnlyInTarget: id = 33", "MisplacedInTarget: id = 33");
        // All rows are there, but no query by key finds this one.
        clusters.ExecuteInShard(clusters.Target, right, "DELETE FROM {shard} WHERE id = 33");
        Assert.Equal(["OnlyInSource: id = 33"], Differences(table));
        InShard(wrong, "INSERT INTO {shard} VALUES (33, 'a33', 'b33')", "DELETE FROM {shard} WHERE id = 33", "MisplacedInTarget: id = 33");
        Assert.Null(clusters.Scalar(clusters.Target, $"SELECT a FROM {table} WHERE id = 33"));

        void Damage(string sql, params string[] told)
        {
            string before = clusters.Content(clusters.Target, table);
            clusters.Execute(clusters.Target, sql);
            Assert.NotEqual(before, clusters.Content(clusters.Target, table));
            Assert.Equal(told, Differences(table));
            Restore(table);
            Assert.Empty(Differences(table));
        }

        void InShard((string, int) shard, string damage, string repair, params string[] told)
        {
            clusters.ExecuteInShard(clusters.Target, shard, damage);
            Assert.Equal(told, Differences(table));
            clusters.ExecuteInShard(clusters.Target, shard, repair);
        }
    }

    [Fact]
    public void Rows_without_a_key_are_counted()
    {
        Cluster.RequireSandbox();
        string table = NewTable("id bigint, note text", "id", 4, 3);
        clusters.Execute($"INSERT INTO {table} SELECT i % 5, 'n' FROM generate_series(1, 500) i");
        Assert.Empty(Differences(table));

        clusters.Execute(clusters.Target, $"INSERT INTO {table} VALUES (3, 'n'), (3, NULL)");
        PSObject[] told = [.. ((IEnumerable<object>)clusters.Compare(table).Single.Get("Differences")!).Select(PSObject.AsPSObject)];

        Assert.Equal([("OnlyInTarget", "(3,)", 0L, 1L), ("OnlyInTarget", "(3,n)", 100L, 101L)], told.Select(d => (d.Get("Kind")!.ToString(),
            (string)d.Get("Key")!, (long)d.Get("SourceRows")!, (long)d.Get("TargetRows")!)));
    }

    [Fact]
    public void No_more_differences_are_told_than_asked_for_and_that_there_are_more_is()
    {
        Cluster.RequireSandbox();
        string table = NewTable("id bigint PRIMARY KEY, note text", "id", 4, 3);
        clusters.Execute($"INSERT INTO {table} SELECT i, 'n' FROM generate_series(1, 500) i");
        clusters.Execute(clusters.Target, $"UPDATE {table} SET note = 'm' WHERE id <= 10");

        foreach ((int limit, int expected, bool more) in new[] { (0, 0, true), (3, 3, true), (10, 10, false), (11, 10, false) })
        {
            PSObject result = clusters.Compare(table, $"-MaxDifferences {limit}").Single;
            Assert.Equal((false, expected, more), ((bool)result.Get("IsEqual")!, ((IEnumerable<object>)result.Get("Differences")!).Count(),
                (bool)result.Get("HasMoreDifferences")!));
        }
    }

    [Fact]
    public void Columns_that_are_missing_or_of_another_type_are_told_and_the_others_compared()
    {
        Cluster.RequireSandbox();
        string table = Cluster.NewName("c");
        clusters.Execute(clusters.Source,
            $"CREATE TABLE {table} (id int PRIMARY KEY, a varchar(10), n numeric(10,2), t timestamp, lost text)");
        clusters.Execute(clusters.Target,
            $"CREATE TABLE {table} (added int, t timestamptz, n numeric(12,2), a text, id bigint PRIMARY KEY)");
        clusters.Execute($"INSERT INTO {table} (id, a, n, t) VALUES (1, 'x', 1.5, '2024-01-01'), (2, 'y', 2, NULL)");

        RunResult run = clusters.Compare(table).Succeeded();

        Assert.Equal(["ColumnOnlyInSource: lost: lost: 'text' / NULL", "ColumnOnlyInTarget: added: added: NULL / 'integer'",
            "ColumnType: t: t: 'timestamp without time zone' / 'timestamp with time zone'"], Told(run).Order());
        Assert.Equal(["a is character varying(10) in the source and text in the target; its values are compared as text.",
            "id is integer in the source and bigint in the target; its values are compared as text.",
            "n is numeric(10,2) in the source and numeric(12,2) in the target; its values are compared as text."],
            run.Warnings.Select(w => w[(w.IndexOf(": ", StringComparison.Ordinal) + 2)..]).Order());
        clusters.Execute(clusters.Target, $"UPDATE {table} SET n = 1.51 WHERE id = 1");
        Assert.Contains("Different: id = 1: n: '1.50' / '1.51'", Differences(table));
    }

    [Fact]
    public void Settings_of_servers_and_roles_make_no_difference()
    {
        Cluster.RequireSandbox();
        string table = NewTable("id bigint PRIMARY KEY, at timestamptz, d date, f float8, b bytea, i interval, m money", "id", 4, 3);
        clusters.Execute($"INSERT INTO {table} SELECT i, '2024-01-01'::timestamptz + i * interval '1 h', '2024-01-31', i / 3.0, "
            + "'\\x00ff', i * interval '1 h', 5.5::numeric::money FROM generate_series(1, 300) i");
        string node = Cluster.IsCitus ? "SET citus.enable_ddl_propagation = off; " : "";
        string settings = node + "ALTER DATABASE citus SET {0} = '{1}'";
        (string, string)[] odd = [("TimeZone", "Asia/Tokyo"), ("DateStyle", "German"), ("IntervalStyle", "iso_8601"),
            ("extra_float_digits", "-5"), ("bytea_output", "escape")];
        int[] ports = Cluster.IsCitus ? (int[])clusters.Scalar(clusters.Target, "SELECT array_agg(nodeport) FROM pg_dist_node")!
            : [(int)clusters.Scalar(clusters.Target, "SELECT inet_server_port()")!];
        try
        {
            foreach (int port in ports)
                foreach ((string name, string value) in odd) clusters.Execute(clusters.Target, string.Format(settings, name, value), port);
            Assert.NotEqual(clusters.Content(clusters.Source, table), clusters.Content(clusters.Target, table));
            Assert.Empty(Differences(table));
            if (Cluster.IsCitus) Assert.Empty(Told(ThroughCoordinator(table)));
        }
        finally
        {
            foreach (int port in ports)
                foreach ((string name, string _) in odd) clusters.Execute(clusters.Target, $"{node}ALTER DATABASE citus RESET {name}", port);
        }
    }

    [Fact]
    public void A_role_that_may_only_read_compares_through_the_coordinator()
    {
        Cluster.RequireCitus();
        string table = NewTable("id bigint PRIMARY KEY, note text", "id", 4, 3);
        clusters.Execute($"INSERT INTO {table} SELECT i, 'n' || i FROM generate_series(1, 500) i");
        Assert.Empty(Told(ThroughCoordinator(table)));
        clusters.Execute(clusters.Target, $"UPDATE {table} SET note = NULL WHERE id = 44; DELETE FROM {table} WHERE id = 45");

        RunResult run = ThroughCoordinator(table);

        Assert.Equal(["Different: id = 44: note: 'n44' / NULL", "OnlyInSource: id = 45"], Told(run));
        Assert.Equal("PerShard", run.Single.Get("TargetConsistency")!.ToString());
        Assert.Contains("target: one query through the coordinator, because permission denied", (string)run.Single.Get("Method")!,
            StringComparison.Ordinal);
        Assert.Contains(run.Warnings, w => w.Contains("was not checked", StringComparison.Ordinal));
    }

    [Fact]
    public void Rows_that_a_policy_hides_are_an_error_and_no_part_of_the_table_is_compared()
    {
        Cluster.RequireSandbox();
        string table = Cluster.NewName("rls");
        clusters.Execute($"CREATE TABLE {table} (id bigint PRIMARY KEY); INSERT INTO {table} SELECT generate_series(1, 9)");
        string reader = Reader(table);
        clusters.Execute(clusters.Target,
            $"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; CREATE POLICY odd ON {table} USING (id % 2 = 1)");

        ErrorRecord error = clusters.Shell.Run($"Compare-CitusTable {table} -From '{clusters.Source}' -To {reader}")
            .Failed("CitusRowsFiltered");

        Assert.Contains($"the role {reader} may read on the target", error.Exception.Message, StringComparison.Ordinal);
        clusters.Execute(clusters.Target, $"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY");
        Assert.True((bool)clusters.Shell.Run($"Compare-CitusTable {table} -From '{clusters.Source}' -To {reader}").Single.Get("IsEqual")!);
        clusters.Execute(clusters.Target, $"REVOKE SELECT ON {table} FROM {reader}");
        Assert.Contains("On the target: ", clusters.Shell.Run($"Compare-CitusTable {table} -From '{clusters.Source}' -To {reader}")
            .Failed("CitusPermissionDenied").Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_that_is_missing_is_an_error_of_its_own_and_the_next_one_is_compared()
    {
        Cluster.RequireSandbox();
        string here = Cluster.NewName("here"), both = Cluster.NewName("here"), there = Cluster.NewName("there");
        clusters.Execute(clusters.Source, $"CREATE TABLE {here} (id int)");
        clusters.Execute($"CREATE TABLE {both} (id int)");
        clusters.Execute(clusters.Target, $"CREATE TABLE {there} (id int)");

        try
        {
            RunResult run = clusters.Shell.Run($"Compare-CitusTable {here}, {both} -From '{clusters.Source}' -To '{clusters.Target}'");

            Assert.StartsWith("On the target: There is no table", run.Failed("CitusTableNotFound").Exception.Message, StringComparison.Ordinal);
            Assert.True((bool)Assert.Single(run.Output).Get("IsEqual")!);
            Assert.Contains(clusters.Compare("*").Warnings, w => w.StartsWith("Only the target has ", StringComparison.Ordinal)
                && w.Contains($"public.{there}", StringComparison.Ordinal));
            Assert.Contains("the same table of the same database", Assert.Single(clusters.Shell.Run(
                $"Compare-CitusTable {both} -From '{clusters.Source}' -To '{clusters.Source}'").Warnings), StringComparison.Ordinal);
        }
        finally
        {
            clusters.Execute(clusters.Source, $"DROP TABLE {here}");
            clusters.Execute(clusters.Target, $"DROP TABLE {there}");
        }
    }

    [Fact]
    public void A_standby_is_another_database_than_its_primary()
    {
        Cluster.RequireCitus();
        PSObject sandbox = clusters.Shell.Run($"Get-CitusSandbox | Where-Object Name -eq '{clusters.Source}'").Single;
        string table = Cluster.NewName("c");
        clusters.Execute(clusters.Source, $"CREATE TABLE {table} (id int); INSERT INTO {table} VALUES (1)");
        try
        {
            using CopiedServer standby = CopiedServer.Start(new SandboxServer(sandbox, "coordinator"), isStandby: true);
            clusters.Shell.Run($"Connect-CitusCluster -ConnectionString 'Host=127.0.0.1;Port={standby.Port};Database=citus;Username=postgres;"
                + $"Passfile={sandbox.Get("Path")}/pgpass' -Name standby").Succeeded();

            RunResult run = clusters.Shell.Run($"Compare-CitusTable {table} -From '{clusters.Source}' -To standby");

            Assert.True((bool)run.Single.Get("IsEqual")!);
            Assert.Empty(run.Warnings);
            clusters.Shell.Run("Disconnect-CitusCluster standby").Succeeded();
        }
        finally
        {
            clusters.Execute(clusters.Source, $"DROP TABLE {table}");
        }
    }

    private static string Distributed(int shards) => $"""
        SELECT create_distributed_table('k_events', 'user_id', shard_count := {shards}, colocate_with := 'none');
        SELECT create_distributed_table('k_keyless', 'user_id', shard_count := {shards}, colocate_with := 'none');
        SELECT create_reference_table('k_reference'); SELECT create_distributed_table('k_single', NULL, colocate_with := 'none');
        SELECT create_distributed_table('k_readings', 'user_id', shard_count := {shards}, colocate_with := 'none');
        SELECT create_distributed_table('k_archive', 'user_id', shard_count := {shards}, colocate_with := 'none');
        SELECT create_distributed_table('"Odd schema"."Odd ""table"', 'Key', shard_count := {shards}, colocate_with := 'none');
        SELECT citus_schema_distribute('k_tenant')
        """;

    private string NewTable(string definition, string column, int sourceShards, int targetShards)
    {
        string table = Cluster.NewName("c");
        clusters.Execute($"CREATE TABLE {table} ({definition})");
        Distribute(clusters.Source, sourceShards);
        Distribute(clusters.Target, targetShards);
        return table;

        void Distribute(string cluster, int shards) => clusters.Execute(cluster,
            $"SELECT create_distributed_table('{table}', '{column}', shard_count := {shards}, colocate_with := 'none')");
    }

    /// <summary>Fills the target's table with the source's rows.</summary>
    private void Restore(string table)
    {
        using var from = clusters.Open(clusters.Source);
        using var to = clusters.Open(clusters.Target);
        clusters.Execute(clusters.Target, $"TRUNCATE {table}");
        using TextReader rows = from.BeginTextExport($"COPY {table} TO STDOUT");
        using TextWriter copy = to.BeginTextImport($"COPY {table} FROM STDIN");
        copy.Write(rows.ReadToEnd());
    }

    private string[] Differences(string table) => Told(clusters.Compare(table).Succeeded());

    private static string[] Told(RunResult run)
    {
        string[] told = [.. ((IEnumerable<object>)run.Single.Get("Differences")!).Select(d => d.ToString()!)];
        Assert.Equal(told.Length == 0, run.Single.Get("IsEqual"));
        return told;
    }

    private RunResult ThroughCoordinator(string table)
    {
        string reader = Reader(table);
        return clusters.Shell.Run($"Compare-CitusTable {table} -From '{clusters.Source}' -To {reader}").Succeeded();
    }

    /// <summary>A role of the target that may read a table, and the name of its connection.</summary>
    private string Reader(string table)
    {
        string role = Cluster.NewName("reader");
        PSObject sandbox = clusters.Shell.Run($"Get-CitusSandbox | Where-Object Name -eq '{clusters.Target}'").Single;
        string password = File.ReadAllText($"{sandbox.Get("Path")}/pgpass").Trim().Split('\n')[0].Split(':')[^1];
        clusters.Execute(clusters.Target, $"CREATE ROLE {role} LOGIN PASSWORD '{password}'");
        clusters.Execute(clusters.Target, $"GRANT SELECT ON {table} TO {role}");
        clusters.Shell.Run($"Connect-CitusCluster -ConnectionString 'Host=127.0.0.1;Port={sandbox.Get("Port")};Database=citus;"
            + $"Username={role};Password={password}' -Name {role}").Succeeded();
        return role;
    }
}
