using System.Management.Automation;
using Microsoft.Data.Sqlite;
using Npgsql;
using Woodgrove.Citus.Tests.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Transfer;

/// <summary>What Copy-CitusTable reads from besides a cluster's tables, and as whom.</summary>
public sealed class CopySourceTests : ClusterTest, IClassFixture<CopyClusters>
{
    private readonly CopyClusters _clusters;

    public CopySourceTests(CopyClusters clusters, ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        _clusters = clusters;
    }

    [Fact]
    public void A_plain_database_becomes_a_distributed_one()
    {
        string[] tables = ["shop.customers", "shop.orders", "shop.visits", "shop.countries", "shop.settings"];
        _clusters.Execute('a', "DROP DATABASE IF EXISTS plain;\nCREATE DATABASE plain");
        _clusters.Connect('a', "plain_a", "plain");
        _clusters.Execute('b', "DROP SCHEMA IF EXISTS shop CASCADE");
        _clusters.Execute('a', Shop, "plain");
        _clusters.Execute('b', Shop);
        _clusters.Execute('b', """
            SELECT create_reference_table('shop.countries');
            SELECT create_distributed_table('shop.customers', 'id', shard_count := 6);
            SELECT create_distributed_table('shop.orders', 'customer_id', colocate_with := 'shop.customers');
            SELECT create_distributed_table('shop.visits', 'customer_id', colocate_with := 'shop.customers')
            """);
        _clusters.Execute('a', """
            INSERT INTO shop.countries VALUES ('DE', 'Deutschland'), ('FR', NULL);
            INSERT INTO shop.customers (mood, tags, country)
                SELECT CASE i % 3 WHEN 0 THEN 'good' WHEN 1 THEN 'bad' END::shop.mood, ARRAY['t' || i, NULL], CASE i % 2 WHEN 0 THEN 'DE' END
                FROM generate_series(1, 3000) i;
            INSERT INTO shop.orders (customer_id, amount, moods) SELECT 1 + i % 3000, i / 7.0, ARRAY['good', NULL]::shop.mood[]
                FROM generate_series(1, 9000) i;
            INSERT INTO shop.visits SELECT 1 + i % 3000, '2023-06-01'::date + i % 800, E'visit\n' || i FROM generate_series(1, 5000) i;
            INSERT INTO shop.settings (name) SELECT 'n' || i FROM generate_series(1, 12) i
            """, "plain");

        IReadOnlyList<PSObject> copied = _clusters.Shell.Get("Copy-CitusTable * -From plain_a -To b -Verify -DeferIndexes");

        Assert.All(tables, t => Assert.Equal(_clusters.Content('a', t, "plain"), _clusters.Content('b', t)));
        Assert.Equal(tables.Order(), copied.Select(r => (string)r.Get("Table")!).Order());
        Assert.All(copied, r => Assert.Equal((true, true), (r.Get("IsSnapshot"), r.Get("IsVerified"))));
        var methods = copied.ToDictionary(r => (string)r.Get("Table")!, r => r.Get("Method")!.ToString());
        // The binary form of an array of a type that was created is a server's own.
        Assert.Equal(["Split", "Coordinator", "Split", "Coordinator", "Coordinator"], tables.Select(t => methods[t]));
        // What the sequences give next is what they would give in the source.
        foreach (string sequence in new[] { "shop.order_numbers", "shop.customers_id_seq", "shop.settings_id_seq" })
            Assert.Equal(_clusters.Scalar('a', $"SELECT nextval('{sequence}')", "plain"),
                _clusters.Scalar('b', $"SELECT nextval('{sequence}')"));
        Assert.Equal(46_000L - 5, _clusters.Scalar('b', "SELECT max(id) FROM shop.orders"));
        Assert.Equal(9000L, _clusters.Scalar('b', "SELECT count(*) FROM shop.orders WHERE twice = amount * 2"));
        Assert.Equal(2000L, _clusters.Scalar('b', "SELECT count(*) FROM shop.customers WHERE mood IN ('good', 'bad')"));
        Assert.All(["shop.visits_2023", "shop.visits_2024", "shop.visits_rest"],
            t => Assert.Equal(_clusters.Content('a', t, "plain"), _clusters.Content('b', t)));
    }

    [Fact]
    public void A_query_of_a_cluster_and_a_rule_for_keys_that_exist()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS sold, prices;
                CREATE TABLE sold (id bigint, user_id bigint, note text, PRIMARY KEY (user_id, id));
                CREATE TABLE prices (id bigint PRIMARY KEY, code text UNIQUE, price numeric);
                SELECT create_distributed_table('sold', 'user_id', shard_count := 4, colocate_with := 'none');
                SELECT create_reference_table('prices')
                """);
        _clusters.Execute('a', """
            INSERT INTO sold SELECT i, i % 300, 'note ' || i FROM generate_series(1, 2000) i;
            INSERT INTO prices SELECT i, 'c' || i, i / 3.0 FROM generate_series(1, 50) i
            """);
        _clusters.Execute('b', """
            INSERT INTO sold VALUES (7, 7, 'mine'), (5000, 1, 'mine');
            INSERT INTO prices VALUES (1000, 'c7', 0)
            """);
        const string Grouped = "SELECT max(s.note) AS note, s.user_id, min(s.id) AS id FROM sold s JOIN prices p ON p.id = s.user_id "
            + "GROUP BY s.user_id ORDER BY 2";

        PSObject skipped = _clusters.Shell.Run($"Copy-CitusTable sold -From a -To b -OnConflict Skip -Query '{Grouped};'").Single;

        Assert.Equal((49L, "Coordinator"), (skipped.Get("Rows"), skipped.Get("Method")!.ToString()));
        Assert.Equal(51L, _clusters.Scalar('b', "SELECT count(*) FROM sold"));
        Assert.Equal("mine", _clusters.Scalar('b', "SELECT note FROM sold WHERE user_id = 7 AND id = 7"));
        _clusters.Shell.Run("Copy-CitusTable sold -From a -To b -OnConflict Update").Succeeded();
        Assert.Equal("2001 1", _clusters.Scalar('b', "SELECT count(*) || ' ' || count(*) FILTER (WHERE note = 'mine') FROM sold"));
        // By another key than the primary one.
        _clusters.Shell.Run("Copy-CitusTable prices -From a -To b -OnConflict Skip").Failed("CitusConstraintViolation");
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM prices"));
        _clusters.Shell.Run("Copy-CitusTable prices -From a -To b -OnConflict Update -KeyColumn code").Succeeded();
        _clusters.AssertSame("prices");
        ErrorRecord error = _clusters.Shell.Run("Copy-CitusTable prices -From a -To b -Query 'SELECT id, code AS kode FROM prices'")
            .Failed("CitusCopyColumnsDiffer");
        Assert.Contains("the target has no column kode", error.Exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 3)] // one on each node at least
    [InlineData(4, 5)]
    [InlineData(16, 10)]
    public void The_limit_is_the_number_of_the_sources_sessions(int limit, int sessions)
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS divided, divided_codes;
                CREATE TABLE divided (id bigint PRIMARY KEY);
                CREATE TABLE divided_codes (id bigint PRIMARY KEY);
                SELECT create_distributed_table('divided', 'id', shard_count := 9, colocate_with := 'none')
                """);
        _clusters.Execute('a', "INSERT INTO divided SELECT generate_series(1, 900);\nINSERT INTO divided_codes SELECT generate_series(1, 9)");

        RunResult copied = _clusters.Shell.Run($"Copy-CitusTable divided, divided_codes -From a -To b -ThrottleLimit {limit} -Verbose");

        // 9 shards are divided unevenly among two workers, and a local table is read on the coordinator.
        Assert.Contains(copied.Succeeded().Verbose, v => v.StartsWith("All rows are of one instant of the source (10 shards on 3 node(s), in "
            + $"{sessions} sessions), for which writers waited ", StringComparison.Ordinal));
        _clusters.AssertSame("divided");
        _clusters.AssertSame("divided_codes");
    }

    [Fact]
    public void Rows_of_SQLite_come_through_the_callers_own_connection()
    {
        _clusters.Execute('b', "DROP TABLE IF EXISTS lite;\nCREATE TABLE lite (id bigint PRIMARY KEY, name text, weight float8, data bytea, "
            + "at timestamp, more jsonb, cents numeric(12,2));\nSELECT create_distributed_table('lite', 'id', shard_count := 4)");
        using var lite = new SqliteConnection("Data Source=:memory:");
        lite.Open();
        using (SqliteCommand fill = lite.CreateCommand())
        {
            fill.CommandText = """
                CREATE TABLE items (item INTEGER PRIMARY KEY, name TEXT, weight REAL, data BLOB, at TEXT, more TEXT, cents NUMERIC);
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                INSERT INTO items SELECT i, CASE WHEN i % 5 > 0 THEN 'größe "' || i || '"' || char(10) END, i / 8.0, CAST(i AS BLOB),
                    datetime('2024-01-01', i || ' minutes'), '{"n": ' || i || '}', i / 4.0 FROM n;
                """;
            fill.ExecuteNonQuery();
        }
        _clusters.Shell["lite"] = lite;

        PSObject copied = _clusters.Shell.Run("Copy-CitusTable lite -From $lite -To b -Query 'SELECT item AS id, name, weight, data, at, more, "
            + "cents FROM items'").Single;

        Assert.Equal((5000L, "Rows"), (copied.Get("Rows"), copied.Get("Method")!.ToString()));
        Assert.Equal(5000L, _clusters.Scalar('b', """
            SELECT count(*) FROM lite JOIN generate_series(1, 5000) i ON i = id
            WHERE name IS NOT DISTINCT FROM CASE WHEN i % 5 > 0 THEN 'größe "' || i || '"' || chr(10) END AND weight = i / 8.0
                AND data = convert_to(i::text, 'UTF8') AND at = '2024-01-01'::timestamp + i * interval '1 minute'
                AND more = jsonb_build_object('n', i) AND cents = round(i / 4.0, 2)
            """));
        ErrorRecord error = _clusters.Shell.Run("Copy-CitusTable lite -From $lite -To b -Query 'SELECT no_such FROM items'")
            .Failed("CitusCopySourceFailed");
        Assert.Contains("no_such", error.Exception.Message, StringComparison.Ordinal);
    }

    /// <summary>The rights that the help names are enough on both sides, and no superuser is needed.</summary>
    [Theory]
    [InlineData(false, "Coordinator")]
    [InlineData(true, "Pipe")]
    public void A_role_with_the_rights_of_the_help_copies(bool owns, string method)
    {
        string[] tables = ["granted_users", "granted_events", "granted_codes", "granted_notes"];
        string role = Cluster.NewName("copier");
        // The ledger, and what -DeferIndexes keeps, are a superuser's.
        foreach (char cluster in "ab")
        {
            _clusters.Execute(cluster, $"""
                DROP TABLE IF EXISTS granted_users, granted_events, granted_codes, granted_notes CASCADE;
                CREATE TABLE granted_users (user_id bigint PRIMARY KEY, login text);
                CREATE TABLE granted_events (id bigint, user_id bigint, kind text, PRIMARY KEY (user_id, id));
                CREATE TABLE granted_codes (code text PRIMARY KEY, name text);
                CREATE TABLE granted_notes (id bigserial PRIMARY KEY, note text);
                SELECT create_distributed_table('granted_users', 'user_id', shard_count := 4, colocate_with := 'none');
                SELECT create_distributed_table('granted_events', 'user_id', colocate_with := 'granted_users');
                SELECT create_reference_table('granted_codes');
                CREATE INDEX granted_kind ON granted_events (kind);
                ALTER TABLE granted_events ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES granted_users
                """);
            _clusters.Execute(cluster, $"CREATE ROLE {role} LOGIN PASSWORD '{_clusters.Password(cluster)}'");
            _clusters.Connect(cluster, $"{role}_{cluster}", role: role);
        }
        _clusters.Execute('a', """
            INSERT INTO granted_users SELECT i, 'l' || i FROM generate_series(1, 500) i;
            INSERT INTO granted_events SELECT i, 1 + i % 500, 'k' || i % 9 FROM generate_series(1, 4000) i;
            INSERT INTO granted_codes VALUES ('x', 'y');
            INSERT INTO granted_notes (note) SELECT 'n' || i FROM generate_series(1, 9) i
            """);
        _clusters.Shell.Run("Copy-CitusTable granted_users -From a -To b -DeferIndexes; "
            + "Copy-CitusTable granted_events -From a -To b -DeferIndexes").Succeeded();
        _clusters.Execute('b', "TRUNCATE granted_users, granted_events CASCADE");
        string copy = $"Copy-CitusTable {string.Join(", ", tables)} -From {role}_a -To {role}_b {(owns ? "-DeferIndexes" : "")}";
        _clusters.Shell.Run($"{copy} -Verify").Failed("CitusPermissionDenied");

        foreach (string grant in Granted("reader", role)) _clusters.Execute('a', grant);
        foreach (string grant in Granted("loader", role)) _clusters.Execute('b', grant);
        // What would fail at the end is refused before the first row.
        _clusters.Execute('b', $"REVOKE UPDATE ON granted_notes_id_seq FROM {role}");
        ErrorRecord error = _clusters.Shell.Run(copy).Failed("CitusPermissionDenied");
        Assert.Contains("granted_notes_id_seq", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(0L, _clusters.Scalar('b', "SELECT count(*) FROM granted_users"));
        _clusters.Execute('b', $"GRANT UPDATE ON granted_notes_id_seq TO {role}");
        if (owns) foreach (string grant in Granted("owner", role)) _clusters.Execute('b', grant);
        if (owns) foreach (string table in tables) _clusters.Execute('b', $"ALTER TABLE {table} OWNER TO {role}");
        RunResult run = _clusters.Shell.Run($"{copy} -Verify").Succeeded();

        Assert.Empty(run.Warnings);
        _clusters.AssertSame(tables);
        Assert.Equal([method, method, "Coordinator", "Coordinator"],
            tables.Select(t => run.Output.Single(r => (string)r.Get("Table")! == t).Get("Method")!.ToString()));
        Assert.All(run.Output, r => Assert.Equal((true, true), (r.Get("IsSnapshot"), r.Get("IsVerified"))));
        Assert.Equal(10L, _clusters.Scalar('b', "SELECT nextval('granted_notes_id_seq')"));
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM pg_indexes WHERE indexname = 'granted_kind'"));
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM pg_constraint WHERE conname = 'of_user'"));
        if (!owns) _clusters.Shell.Run($"Copy-CitusTable granted_users -From {role}_a -To {role}_b -OnConflict Update").Succeeded();
        _clusters.AssertSame(tables);
    }

    private static string[] Granted(string kind, string role) =>
        [.. File.ReadLines(Path.Combine(Pages.Folder, "Copy-CitusTable.md"))
            .Where(l => l.StartsWith("GRANT", StringComparison.Ordinal) && l.EndsWith($" TO {kind};", StringComparison.Ordinal))
            .Select(l => l.Replace($" TO {kind};", $" TO {role}", StringComparison.Ordinal))];

    private const string Shop = """
        CREATE SCHEMA shop;
        CREATE TYPE shop.mood AS ENUM ('good', 'bad');
        CREATE DOMAIN shop.amount AS numeric(10,2) CHECK (VALUE >= 0);
        CREATE SEQUENCE shop.order_numbers START 1000 INCREMENT 5;
        CREATE TABLE shop.countries (code text PRIMARY KEY, name text);
        CREATE TABLE shop.customers (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, mood shop.mood, tags text[], country text);
        CREATE TABLE shop.orders (id bigint DEFAULT nextval('shop.order_numbers'), customer_id bigint, amount shop.amount, moods shop.mood[],
            twice numeric GENERATED ALWAYS AS (amount * 2) STORED, PRIMARY KEY (customer_id, id));
        CREATE TABLE shop.visits (customer_id bigint, at date, note text) PARTITION BY RANGE (at);
        CREATE TABLE shop.visits_2023 PARTITION OF shop.visits FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
        CREATE TABLE shop.visits_2024 PARTITION OF shop.visits FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE shop.visits_rest PARTITION OF shop.visits DEFAULT;
        CREATE TABLE shop.settings (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
        CREATE INDEX visits_at ON shop.visits (at)
        """;
}
