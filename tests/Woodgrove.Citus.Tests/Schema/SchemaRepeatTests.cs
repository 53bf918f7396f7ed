using System.Management.Automation;
using Woodgrove.Citus.Tests.Comparison;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Schema;

/// <summary>Import-CitusSchema run again after a failure or an interruption, on schemas with every part that pg_dump writes.</summary>
public sealed class SchemaRepeatTests(ComparedClusters clusters, ClusterFixture cluster) : ClusterTest(cluster),
    IClassFixture<ComparedClusters>
{
    private const string ExportAll = "$objects = Export-CitusSchema -IncludeDefinition -Connection";

    [Fact]
    public void A_policy_that_failed_for_lack_of_its_role_is_created_by_the_next_import()
    {
        Cluster.RequireCitus();
        Source("""
            CREATE TABLE bank.accounts (id bigint PRIMARY KEY, owner text);
            SELECT create_distributed_table('bank.accounts', 'id');
            ALTER TABLE bank.accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
            CREATE POLICY own ON bank.accounts TO bank_app USING (owner = current_user);
            """);

        RunResult first = Import();
        Assert.Equal("Failed", State(first, "policy bank.accounts own"));
        Assert.Contains(first.Errors, e => e.FullyQualifiedErrorId.StartsWith("CitusSchemaObjectFailed", StringComparison.Ordinal));
        clusters.Execute(clusters.Target, "CREATE ROLE bank_app");
        RunResult second = Import().Succeeded();
        RunResult third = Import().Succeeded();

        Assert.Equal("Applied", State(second, "policy bank.accounts own"));
        Assert.Equal("Equal", State(third, "policy bank.accounts own"));
        Assert.Equal("Equal", State(third, "row security bank.accounts"));
        Assert.Equal("own TO bank_app true", clusters.Scalar(clusters.Target, """
            SELECT p.polname || ' TO ' || r.rolname || ' ' || (c.relrowsecurity AND c.relforcerowsecurity) FROM pg_policy p
            JOIN pg_roles r ON r.oid = p.polroles[1] JOIN pg_class c ON c.oid = p.polrelid
            """));

        // What was changed since is reported, and left.
        clusters.Execute(clusters.Target, "ALTER POLICY own ON bank.accounts USING (true);"
            + "ALTER TABLE bank.accounts NO FORCE ROW LEVEL SECURITY");
        RunResult changed = Import().Succeeded();
        Assert.Equal("Different", State(changed, "policy bank.accounts own"));
        Assert.Contains("RowSecurity: FORCE in the script, none in the database", Result(changed, "bank.accounts", "Table")
            .Get("Differences")!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_import_that_stopped_after_the_tables_is_continued_to_the_end()
    {
        Cluster.RequireCitus();
        Source("""
            CREATE TYPE bank.pair AS (a int, b text);
            COMMENT ON TYPE bank.pair IS 'two';
            COMMENT ON COLUMN bank.pair.a IS 'first';
            CREATE DOMAIN bank.positive AS int CHECK (VALUE > 0);
            CREATE TABLE bank.accounts (id bigserial PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY (INCREMENT 5),
                owner text DEFAULT 'nobody', "Odd column" bank.positive);
            CREATE TABLE bank.readings (id bigint, at date DEFAULT now(), PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
            CREATE TABLE bank.readings_2024 PARTITION OF bank.readings FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
            CREATE INDEX readings_at ON bank.readings (at);
            CREATE TABLE bank.parents (a int DEFAULT 5, b int);
            CREATE TABLE bank.children (c int) INHERITS (bank.parents);
            ALTER TABLE bank.children ALTER b SET DEFAULT 3;
            CREATE RULE keep AS ON DELETE TO bank.parents DO INSTEAD NOTHING;
            CREATE FUNCTION bank.twice(account bigint, n numeric) RETURNS numeric LANGUAGE sql RETURN n * 2;
            CREATE AGGREGATE bank.total(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0');
            CREATE STATISTICS bank.owners ON id, owner FROM bank.accounts;
            COMMENT ON SCHEMA bank IS 'accounts';
            COMMENT ON TABLE bank.accounts IS 'one each';
            COMMENT ON COLUMN bank.accounts."Odd column" IS 'odd';
            COMMENT ON CONSTRAINT accounts_pkey ON bank.accounts IS 'key';
            COMMENT ON FUNCTION bank.twice IS 'double';
            COMMENT ON AGGREGATE bank.total(bigint) IS 'sum';
            COMMENT ON RULE keep ON bank.parents IS 'kept';
            COMMENT ON STATISTICS bank.owners IS 'owners';
            COMMENT ON SEQUENCE bank.accounts_id_seq IS 'numbers';
            SELECT create_distributed_table('bank.readings', 'id', colocate_with := 'none');
            SELECT create_distributed_table('bank.accounts', 'id', colocate_with := 'none')
            """);

        // As though it had stopped there.
        RunResult first = Import("| Where-Object Kind -in Extension, Schema, Type, Function, Table, Sequence").Succeeded();
        Assert.Empty(first.Warnings);
        RunResult second = Import().Succeeded();
        RunResult third = Import().Succeeded();

        Assert.Empty(second.Warnings);
        Assert.All(second.Output, r => Assert.True(r.Get("State")!.ToString() is "Applied" or "Equal",
            $"{r.Get("Kind")} {r.Get("Name")}: {r.Get("State")} {r.Get("Differences")} {r.Get("Reason")}"));
        Assert.All(third.Output, r => Assert.True(r.Get("State")!.ToString() == "Equal", $"{r.Get("Name")}: {r.Get("State")}"));
        const string facts = """
            SELECT string_agg(f, E'\n' ORDER BY f) FROM (
                SELECT attrelid::regclass || attname || coalesce(pg_get_expr(adbin, adrelid), attidentity::text)
                FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                    JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'bank'::regnamespace AND attnum > 0
                        AND relname !~ '_1[0-9]{5}$'
                UNION ALL SELECT inhrelid::regclass || ' ' || inhparent::regclass FROM pg_inherits
                    WHERE inhrelid::regclass::text !~ '_1[0-9]{5}'
                UNION ALL SELECT description || classoid::regclass FROM pg_description WHERE description IN ('two', 'first', 'accounts',
                    'one each', 'odd', 'key', 'double', 'sum', 'kept', 'owners', 'numbers')
                UNION ALL SELECT stxname FROM pg_statistic_ext WHERE stxname !~ '_1[0-9]{5}$'
                UNION ALL SELECT ev_class::regclass || rulename FROM pg_rewrite WHERE ev_class::regclass::text ~ '^bank'
            ) f (f)
            """;
        Assert.Equal(clusters.Scalar(clusters.Source, facts), clusters.Scalar(clusters.Target, facts));
    }

    [Fact]
    public void What_exists_and_cannot_be_compared_is_skipped_by_the_next_import()
    {
        Cluster.RequireCitus();
        Source("""
            CREATE EXTENSION IF NOT EXISTS postgres_fdw;
            CREATE TYPE bank.pair AS (a int, b text);
            CREATE COLLATION bank.plain (LOCALE = 'C');
            CREATE CAST (bank.pair AS text) WITH INOUT;
            CREATE FUNCTION bank.same(a bank.pair, b bank.pair) RETURNS bool LANGUAGE sql AS 'SELECT true';
            CREATE OPERATOR bank.=== (FUNCTION = bank.same, LEFTARG = bank.pair, RIGHTARG = bank.pair);
            CREATE TEXT SEARCH CONFIGURATION bank.words (COPY = simple);
            CREATE FUNCTION bank.noted() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
            CREATE EVENT TRIGGER bank_noted ON ddl_command_end EXECUTE FUNCTION bank.noted();
            CREATE SERVER bank_server FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'bank.example');
            CREATE USER MAPPING FOR PUBLIC SERVER bank_server OPTIONS (user 'reader', password 'hunter2');
            """);

        RunResult first = Import().Succeeded();
        RunResult second = Import().Succeeded();

        Assert.All(first.Output, r => Assert.NotEqual("Failed", r.Get("State")!.ToString()));
        Assert.Equal(["cast (bank.pair AS text)", "collation bank.plain", "event trigger bank_noted", "operator bank.===",
            "server bank_server", "text search configuration bank.words", "user mapping public SERVER bank_server"],
            second.Output.Where(r => r.Get("State")!.ToString() == "Skipped").Select(r => (string)r.Get("Name")!)
                .Order(StringComparer.Ordinal));
        Assert.All(second.Output, r => Assert.True(r.Get("State")!.ToString() is "Skipped" or "Equal",
            $"{r.Get("Name")}: {r.Get("State")}"));
        Assert.Equal("It exists already; it is not compared.", Result(second, "collation bank.plain").Get("Reason"));
        // User mappings have passwords.
        Assert.All(first.Output, r => Assert.DoesNotContain("hunter2", (string)r.Get("Sql")!, StringComparison.Ordinal));
    }

    [Fact]
    public void Comments_columnar_options_and_functions_follow_the_views_and_constraints_that_they_are_for()
    {
        Cluster.RequireCitus();
        Source("""
            CREATE EXTENSION IF NOT EXISTS citus_columnar;
            CREATE TABLE bank.users (id bigint PRIMARY KEY);
            CREATE TABLE bank.events (id bigint, user_id bigint, PRIMARY KEY (id, user_id));
            CREATE TABLE bank.notes (id bigint);
            SELECT create_distributed_table('bank.users', 'id', colocate_with := 'none');
            SELECT create_distributed_table('bank.events', 'user_id', colocate_with := 'bank.users');
            ALTER TABLE bank.events ADD CONSTRAINT events_user FOREIGN KEY (user_id) REFERENCES bank.users;
            COMMENT ON CONSTRAINT events_user ON bank.events IS 'key';
            CREATE TRIGGER noop BEFORE UPDATE ON bank.notes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
            COMMENT ON TRIGGER noop ON bank.notes IS 'trigger';
            CREATE POLICY all_rows ON bank.notes USING (true);
            COMMENT ON POLICY all_rows ON bank.notes IS 'policy';
            CREATE RULE keep AS ON DELETE TO bank.notes DO INSTEAD NOTHING;
            COMMENT ON RULE keep ON bank.notes IS 'rule';
            CREATE VIEW bank.busy AS SELECT user_id, count(*) AS n FROM bank.events GROUP BY user_id;
            COMMENT ON COLUMN bank.busy.n IS 'column';
            CREATE MATERIALIZED VIEW bank.totals USING columnar AS SELECT count(*) AS n FROM bank.events;
            ALTER MATERIALIZED VIEW bank.totals SET (columnar.compression = none);
            COMMENT ON MATERIALIZED VIEW bank.totals IS 'view';
            CREATE MATERIALIZED VIEW bank.days AS SELECT 1 AS day;
            CREATE UNIQUE INDEX days_day ON bank.days (day);
            COMMENT ON INDEX bank.days_day IS 'index';
            DO $do$ BEGIN EXECUTE 'CREATE FUNCTION bank.busiest(minimum bigint) RETURNS SETOF bank.busy LANGUAGE sql STABLE
                BEGIN ATOMIC SELECT * FROM bank.busy WHERE n >= minimum; END'; END $do$;
            DO $do$ BEGIN EXECUTE 'CREATE FUNCTION bank.busiest_users(minimum bigint) RETURNS SETOF bigint LANGUAGE sql STABLE
                BEGIN ATOMIC SELECT user_id FROM bank.busiest(minimum); END'; END $do$;
            SELECT create_distributed_function('bank.busiest(bigint)')
            """);

        RunResult import = Import().Succeeded();
        RunResult again = Import().Succeeded();

        Assert.Empty(import.Warnings);
        Assert.All(import.Output, r => Assert.True(r.Get("State")!.ToString() is "Applied" or "Equal",
            $"{r.Get("Kind")} {r.Get("Name")}: {r.Get("State")} {r.Get("Reason")}"));
        Assert.All(again.Output, r => Assert.True(r.Get("State")!.ToString() == "Equal",
            $"{r.Get("Kind")} {r.Get("Name")}: {r.Get("State")} {r.Get("Reason")}"));
        Assert.Equal("none", clusters.Scalar(clusters.Target,
            "SELECT compression::text FROM columnar.options WHERE relation = 'bank.totals'::regclass"));
        Assert.Equal("column index key policy rule trigger view", clusters.Scalar(clusters.Target,
            "SELECT string_agg(description, ' ' ORDER BY description) FROM pg_description WHERE objoid > 16384 AND description ~ '^[a-z]+$'"));
    }

    [Fact]
    public void What_pg_dump_writes_of_tables_views_and_triggers_is_compared()
    {
        Cluster.RequireCitus();
        Source("""
            CREATE TYPE bank.pair AS (a text, b int);
            CREATE TABLE bank.notes (id bigint PRIMARY KEY, note text);
            CREATE TABLE bank.logs (id bigint);
            CREATE TABLE bank.heaps (id bigint);
            CREATE TABLE bank.evens (id bigint);
            CREATE TRIGGER noop BEFORE UPDATE ON bank.notes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
            CREATE VIEW bank.own WITH (security_barrier = true) AS SELECT id FROM bank.notes;
            SELECT create_distributed_table('bank.evens', 'id', shard_count := 4, colocate_with := 'none')
            """);
        Import().Succeeded();
        Assert.All(Import().Succeeded().Output, r => Assert.Equal("Equal", r.Get("State")!.ToString()));

        foreach (string change in (string[])["ALTER TABLE bank.notes ALTER note TYPE text COLLATE \"C\"", "ALTER TABLE bank.logs SET UNLOGGED",
            "ALTER TABLE bank.notes DISABLE TRIGGER noop", "ALTER VIEW bank.own RESET (security_barrier)",
            "ALTER TYPE bank.pair ALTER ATTRIBUTE a TYPE text COLLATE \"C\"", "CREATE EXTENSION IF NOT EXISTS citus_columnar",
            "DROP TABLE bank.heaps", "CREATE TABLE bank.heaps (id bigint) USING columnar", "SELECT undistribute_table('bank.evens')",
            "SELECT create_distributed_table('bank.evens', 'id', shard_count := 3, colocate_with := 'none')",
            "SELECT citus_split_shard_by_split_points(shardid, ARRAY['0'], ARRAY[nodeid, nodeid], 'block_writes') FROM pg_dist_shard "
                + "JOIN pg_dist_placement USING (shardid) JOIN pg_dist_node USING (groupid) WHERE logicalrelid = 'bank.evens'::regclass "
                + "AND 0 BETWEEN shardminvalue::int AND shardmaxvalue::int"]) clusters.Execute(clusters.Target, change);
        Assert.Equal(4L, clusters.Scalar(clusters.Target, "SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = 'bank.evens'::regclass"));
        RunResult changed = Import().Succeeded();

        Assert.Equal(["DistributedTable bank.evens", "Table bank.heaps", "Table bank.logs", "Table bank.notes", "Trigger bank.notes noop",
            "Type bank.pair", "View bank.own"], changed.Output.Where(r => r.Get("State")!.ToString() == "Different")
            .Select(r => $"{r.Get("Kind")} {r.Get("Name")}").Order(StringComparer.Ordinal));
    }

    /// <summary>pg_dump writes such a view in two parts: with NULLs first, and its query after the keys.</summary>
    [Fact]
    public void A_view_that_needs_a_primary_key_is_created_with_its_query_and_left_as_it_is_then()
    {
        Cluster.RequireCitus();
        const string query = "SELECT o.id, o.note, count(*) AS n FROM bank.orders o JOIN bank.lines l ON l.order_id = o.id GROUP BY o.id",
            definition = "SELECT pg_get_viewdef('bank.totals'::regclass)";
        Source($"""
            CREATE TABLE bank.orders (id bigint PRIMARY KEY, note text);
            CREATE TABLE bank.lines (order_id bigint);
            CREATE VIEW bank.totals AS {query};
            CREATE VIEW bank.above AS SELECT * FROM bank.totals WHERE n > 1;
            COMMENT ON VIEW bank.totals IS 'lines'
            """);
        Import().Succeeded();
        object? right = clusters.Scalar(clusters.Source, definition);
        Assert.Equal(right, clusters.Scalar(clusters.Target, definition));
        Assert.All(Import().Succeeded().Output, r => Assert.Equal("Equal", r.Get("State")!.ToString()));

        clusters.Execute(clusters.Target, $"CREATE OR REPLACE VIEW bank.totals AS {query.Replace("GROUP", "WHERE o.id > 5 GROUP")}");
        object? mine = clusters.Scalar(clusters.Target, definition);
        RunResult again = Import().Succeeded();
        Assert.All(again.Output.Where(r => (string)r.Get("Name")! == "bank.totals"), r => Assert.Equal("Different", r.Get("State")!.ToString()));
        Assert.Equal(mine, clusters.Scalar(clusters.Target, definition));
    }

    [Fact]
    public void Functions_that_exist_are_given_their_distribution_argument()
    {
        Cluster.RequireCitus();
        Source("""
            CREATE TABLE bank.users (id bigint PRIMARY KEY);
            SELECT create_distributed_table('bank.users', 'id', colocate_with := 'none');
            CREATE FUNCTION bank.credit(account bigint) RETURNS void LANGUAGE sql AS 'UPDATE bank.users SET id = id WHERE id = account';
            SELECT create_distributed_function('bank.credit(bigint)', '$1', colocate_with := 'bank.users')
            """);
        Import("| Where-Object Kind -NE DistributedFunction").Succeeded();

        RunResult import = Import().Succeeded();
        RunResult again = Import().Succeeded();

        Assert.Equal("Applied", Result(import, "bank.credit(bigint)", "DistributedFunction").Get("State")!.ToString());
        Assert.Equal("Equal", Result(again, "bank.credit(bigint)", "DistributedFunction").Get("State")!.ToString());
        Assert.Equal(0, clusters.Scalar(clusters.Target, "SELECT distribution_argument_index FROM pg_dist_object WHERE objid = "
            + "'bank.credit(bigint)'::regprocedure"));
        clusters.Execute(clusters.Target, "CREATE TABLE bank.others (id bigint); SELECT create_distributed_table('bank.others', 'id', "
            + "shard_count := 3, colocate_with := 'none')");
        clusters.Execute(clusters.Target, "SELECT create_distributed_function('bank.credit(bigint)', '$1', colocate_with := 'bank.others')");
        Assert.Equal("Different", Result(Import(), "bank.credit(bigint)", "DistributedFunction").Get("State")!.ToString());
    }

    /// <summary>Creates a schema in the source, and leaves nothing of that of another test in both.</summary>
    private void Source(string sql)
    {
        foreach (string drop in new[] { "SCHEMA IF EXISTS bank CASCADE", "SERVER IF EXISTS bank_server CASCADE",
            "ROLE IF EXISTS bank_app" }) clusters.Execute($"DROP {drop}");
        clusters.Execute(clusters.Source, "CREATE ROLE bank_app");
        clusters.Execute(clusters.Source, "CREATE SCHEMA bank");
        foreach (string statement in sql.Split(";\n", StringSplitOptions.RemoveEmptyEntries))
            clusters.Execute(clusters.Source, statement);
    }

    private RunResult Import(string filter = "") => clusters.Shell.Run($"{ExportAll} '{clusters.Source}' -WarningAction Ignore; "
        + $"$objects {filter} | Import-CitusSchema -Connection '{clusters.Target}'");

    private static PSObject Result(RunResult import, string name, string kind = "Other") =>
        Assert.Single(import.Output, r => (string)r.Get("Name")! == name && r.Get("Kind")!.ToString() == kind);

    private static string State(RunResult import, string name) => Result(import, name).Get("State")!.ToString()!;
}
