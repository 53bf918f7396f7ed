using System.Data;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Types;

namespace Woodgrove.Citus.Tests.Transfer;

/// <summary>Copy-CitusTable between two real clusters, compared by SQL of the servers.</summary>
public sealed class CopyTests : ClusterTest, IClassFixture<CopyClusters>
{
    private static readonly string[] Tables =
        ["users", "events", "currencies", "notes", "readings", "archive", "audit", "tenant_a.orders", "moods", "\"Odd 'table'\""];

    private readonly CopyClusters _clusters;

    public CopyTests(CopyClusters clusters, ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        _clusters = clusters;
        foreach (char c in "ab")
            clusters.Execute(c, $"""
                DROP TABLE IF EXISTS events, users, currencies, notes, readings, archive, audit, moods, "Odd 'table'", extra, keyed,
                    left_side, right_side, besides CASCADE;
                DROP SCHEMA IF EXISTS tenant_a CASCADE;
                DROP TYPE IF EXISTS mood
                """);
    }

    [Theory]
    [InlineData(8, "Pipe", false)]
    [InlineData(8, "Pipe", true)]
    [InlineData(5, "Split", false)]
    [InlineData(11, "Split", true)]
    public void A_table_of_every_kind_is_the_same_in_the_other_cluster(int shards, string method, bool defer)
    {
        Create('a', 8);
        Create('b', shards);
        Fill();
        string definitions = Definitions('b');

        IReadOnlyList<PSObject> copied = _clusters.Shell.Get($"Copy-CitusTable * -From a -To b {(defer ? "-DeferIndexes" : "")}");

        _clusters.AssertSame(Tables);
        _clusters.AssertNothingLeft();
        Assert.Equal(definitions, Definitions('b'));
        Assert.Equal(Tables.Order(), copied.Select(r => (string)r.Get("Table")!).Order());
        var methods = copied.ToDictionary(r => (string)r.Get("Table")!, r => r.Get("Method")!.ToString());
        Assert.Equal((method, method, "Coordinator", "Coordinator"),
            (methods["users"], methods["events"], methods["currencies"], methods["moods"]));
        Assert.All(copied, r => Assert.Equal(_clusters.Scalar('b', $"SELECT count(*) FROM {r.Get("Table")}"), r.Get("Rows")));
        Assert.All(copied, r => Assert.Equal(true, r.Get("IsSnapshot")));
        // Those that refer to others come after them, and sequences go on behind the rows.
        Assert.Equal(16L, _clusters.Scalar('b', "SELECT nextval('audit_id_seq')"));
        Assert.Equal(11L, _clusters.Scalar('b', "SELECT nextval('notes_id_seq')"));
        TimeSpan? indexes = (TimeSpan?)copied.Single(r => r.Get("Table") is "events").Get("IndexDuration");
        Assert.Equal(defer, indexes > TimeSpan.Zero);
    }

    /// <summary>Each row lies where Citus looks for it: asked for by its key, it is found.</summary>
    [Fact]
    public void Rows_are_split_by_the_hash_that_the_server_has_for_their_type()
    {
        var keys = new Dictionary<string, string>
        {
            ["smallint"] = "(i - 100)::smallint", ["integer"] = "i * 7919 - 100000", ["bigint"] = "i * 1234567890123 - 5e13::bigint",
            ["text"] = "repeat('ä', i % 40) || i", ["varchar(50)"] = "'v' || i || '  '", ["char(12)"] = "'c' || i",
            ["bytea"] = "decode(md5(i::text), 'hex')", ["uuid"] = "md5(i::text)::uuid", ["date"] = "'1990-01-01'::date + i * 13",
            ["timestamp"] = "'1990-01-01'::timestamp + i * interval '1.000001 hour'",
            ["timestamptz"] = "'1990-01-01'::timestamptz + i * interval '1.000001 hour'", ["boolean"] = "i % 2 = 0",
            ["double precision"] = "(i - 100) / 7.0", ["numeric"] = "(i - 100) * 1e10 / 7", ["numeric(20,6)"] = "(i - 100) * 10000",
        };
        foreach ((string type, string value) in keys)
        {
            foreach ((char cluster, int shards) in new[] { ('a', 4), ('b', 7) })
                _clusters.Execute(cluster, $"DROP TABLE IF EXISTS keyed;\nCREATE TABLE keyed (k {type}, n int);\n"
                    + $"SELECT create_distributed_table('keyed', 'k', shard_count := {shards}, colocate_with := 'none')");
            _clusters.Execute('a', $"INSERT INTO keyed SELECT {value}, i FROM generate_series(0, 199) i");

            Assert.Equal("Split", _clusters.Shell.Run("Copy-CitusTable keyed -From a -To b").Single.Get("Method")!.ToString());

            _clusters.AssertSame("keyed");
            Assert.Equal(200L, _clusters.Scalar('b', """
                SELECT sum(result::bigint)::bigint FROM run_command_on_shards('keyed',
                    'SELECT count(*) FROM %s t WHERE worker_hash(t.k) BETWEEN (SELECT shardminvalue::int FROM pg_dist_shard s
                        WHERE s.shardid = substring(t.tableoid::regclass::text FROM ''[0-9]+$'')::bigint)
                    AND (SELECT shardmaxvalue::int FROM pg_dist_shard s
                        WHERE s.shardid = substring(t.tableoid::regclass::text FROM ''[0-9]+$'')::bigint)')
                """));
        }
    }

    [Fact]
    public void A_value_of_every_type_arrives_as_it_was()
    {
        var tables = new List<string>();
        foreach (char cluster in "ab")
        {
            _clusters.Execute(cluster, "DROP SCHEMA IF EXISTS types CASCADE;\nCREATE SCHEMA types;\n"
                + TypeValues.Setup.Replace("{0}", "types.t", StringComparison.Ordinal));
            foreach (string extension in TypeValues.Extensions) Try(cluster, $"CREATE EXTENSION IF NOT EXISTS {extension}");
        }
        foreach (TypeValues.TypeCase known in TypeValues.All)
        {
            string type = known.Type.Replace("{0}", "types.t", StringComparison.Ordinal), table = $"types.t{tables.Count}";
            if (!Try('a', $"SELECT NULL::{type}") || (type == "xml" && !Try('a', "SELECT '<a/>'::xml"))) continue;
            foreach (char cluster in "ab") _clusters.Execute(cluster, $"CREATE TABLE {table} (v {type})");
            tables.Add(table);
            using NpgsqlConnection session = _clusters.Open('a');
            using var insert = new NpgsqlCommand($"INSERT INTO {table} SELECT v::{type} FROM unnest($1::text[]) v UNION ALL SELECT NULL", session)
                { Parameters = { new() { Value = known.Values } } };
            insert.ExecuteNonQuery();
        }

        _clusters.Shell["types"] = tables.ToArray();
        RunResult run = _clusters.Shell.Run("Copy-CitusTable $types -From a -To b -Verbose").Succeeded();

        Assert.True(tables.Count > 50, $"{tables.Count} types");
        _clusters.AssertSame([.. tables]);
        Assert.Contains(run.Verbose, v => v.Contains("coordinator, in binary form.", StringComparison.Ordinal));
        Assert.Contains(run.Verbose, v =>
            v.Contains("as text, because the binary form of v's type regtype is a server's own", StringComparison.Ordinal));
    }

    [Fact]
    public void From_and_to_a_plain_server_through_a_query_and_from_a_reader()
    {
        foreach (char cluster in "ab")
        {
            _clusters.Execute(cluster, "DROP DATABASE IF EXISTS plain;\nCREATE DATABASE plain");
            _clusters.Shell["to"] = _clusters.ConnectionString(cluster, "plain");
            _clusters.Shell.Run($"$null = Connect-CitusCluster -ConnectionString $to -Name plain_{cluster}").Succeeded();
            _clusters.Execute(cluster, "CREATE TABLE extra (id bigint PRIMARY KEY, at date, note text)", "plain");
            _clusters.Execute(cluster, "CREATE TABLE extra (id bigint PRIMARY KEY, at date, note text);\n"
                + "SELECT create_distributed_table('extra', 'id', shard_count := 4, colocate_with := 'none')");
        }
        _clusters.Execute('a', "INSERT INTO extra SELECT i, '2024-01-01'::date + i, nullif('n, \"' || i, 'n, \"7') FROM generate_series(1, 3000) i",
            "plain");
        string expected = Plain('a');

        PSObject toCitus = _clusters.Shell.Run("Copy-CitusTable extra -From plain_a -To b").Single;
        Assert.Equal(("Split", true), (toCitus.Get("Method")!.ToString(), toCitus.Get("IsSnapshot")));
        Assert.Equal(expected, _clusters.Content('b', "extra"));
        _clusters.Shell.Run("Copy-CitusTable extra -From b -To plain_b").Succeeded();
        Assert.Equal(expected, Plain('b'));

        _clusters.Execute('b', "TRUNCATE extra");
        _clusters.Shell.Run("Copy-CitusTable extra -From plain_a -To b -Query 'SELECT note, id, at FROM extra WHERE id <= 1000;'")
            .Succeeded();
        Assert.Equal(1000L, _clusters.Scalar('b', "SELECT count(*) FROM extra"));
        _clusters.Execute('b', "UPDATE extra SET note = 'mine' WHERE id = 5");
        _clusters.Shell.Run("Copy-CitusTable extra -From plain_a -To b -OnConflict Skip").Succeeded();
        Assert.Equal("mine", _clusters.Scalar('b', "SELECT note FROM extra WHERE id = 5"));
        _clusters.Shell.Run("Copy-CitusTable extra -From plain_a -To b -OnConflict Update").Succeeded();
        Assert.Equal(expected, _clusters.Content('b', "extra"));

        _clusters.Execute('b', "TRUNCATE extra");
        using NpgsqlConnection other = _clusters.Open('a', "plain");
        _clusters.Shell["other"] = other;
        _clusters.Shell.Run("Copy-CitusTable extra -From $other -To b -WhatIf").Succeeded();
        Assert.Equal(0L, _clusters.Scalar('b', "SELECT count(*) FROM extra"));
        _clusters.Shell.Run("Copy-CitusTable extra -From $other -To b -Query 'SELEC'").Failed("CitusCopySourceFailed");
        _clusters.Shell.Run("Copy-CitusTable extra -From $other -To b -Resume").Failed("CitusInvalidArgument");
        _clusters.Shell.Run("Copy-CitusTable extra -From $other -To b -Query 'SELECT 1 AS id FROM generate_series(1, 2)'")
            .Failed("CitusRowRefused");
        Assert.Equal(3000L, _clusters.Shell.Run("Copy-CitusTable extra -From $other -To b").Single.Get("Rows"));
        Assert.Equal(expected, _clusters.Content('b', "extra"));
        _clusters.Execute('b', "TRUNCATE extra");
        var table = new DataTable { Columns = { { "ID", typeof(int) }, { "note", typeof(string) } }, Rows = { { 1, "x" }, { 2, null } } };
        _clusters.Shell["other"] = table.CreateDataReader();
        Assert.Equal("Rows", _clusters.Shell.Run("Copy-CitusTable extra -From $other -To b").Single.Get("Method")!.ToString());
        Assert.Equal("1:x 2:-", _clusters.Scalar('b', "SELECT string_agg(id || ':' || coalesce(note, '-'), ' ' ORDER BY id) FROM extra"));

        string Plain(char cluster)
        {
            using NpgsqlConnection session = _clusters.Open(cluster, "plain");
            using var command = new NpgsqlCommand(
                "SELECT count(*) || ' ' || md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM extra t", session);
            return (string)command.ExecuteScalar()!;
        }
    }

    [Fact]
    public void What_can_not_be_copied_is_refused_before_the_first_row()
    {
        Create('a', 4);
        Create('b', 4);
        Fill();
        void Refused(string id, string copy, params string[] told)
        {
            ErrorRecord error = _clusters.Shell.Run($"Copy-CitusTable {copy}").Failed(id);
            Assert.All(told, t => Assert.Contains(t, error.Exception.Message, StringComparison.Ordinal));
            Assert.Equal("0 ", _clusters.Content('b', "users"));
        }
        Refused("CitusCopySameDatabase", "users -From a -To a");
        Refused("CitusTableNotFound", "users, no_such -From a -To b", "no_such");
        Refused("CitusTableNotFound", "no_such* -From a -To b");
        Refused("CitusInvalidArgument", "users -From 5 -To b");
        _clusters.Execute('b', "ALTER TABLE notes ADD COLUMN more int NOT NULL");
        Refused("CitusCopyColumnsDiffer", "users, notes -From a -To b", "the source has no column more");
        _clusters.Execute('b', "ALTER TABLE notes ALTER COLUMN more SET DEFAULT 5");
        _clusters.Shell.Run("Copy-CitusTable notes -From a -To b").Succeeded();
        Assert.Equal(50L, _clusters.Scalar('b', "SELECT sum(more) FROM notes"));
        _clusters.Execute('b', "ALTER TABLE notes DROP COLUMN note");
        Refused("CitusCopyColumnsDiffer", "users, notes -From a -To b", "the target has no column note");
        _clusters.Execute('b', "ALTER TABLE currencies ALTER COLUMN name TYPE int USING 1");
        Refused("CitusCopyTypesDiffer", "users, currencies -From a -To b", "currencies.name is text in the source and integer");
        RunResult whatIf = _clusters.Shell.Run("Copy-CitusTable users -From a -To b -WhatIf -Verbose").Succeeded();
        Assert.Contains(whatIf.Verbose, v => v.Contains("users: each shard straight", StringComparison.Ordinal));
        Assert.Equal("0 ", _clusters.Content('b', "users"));
    }

    [Fact]
    public void A_copy_that_failed_goes_on_where_it_was_and_refuses_to_where_the_parts_have_changed()
    {
        Create('a', 8);
        Create('b', 5);
        Fill();
        Guid id = Guid.NewGuid();
        // One row of one part is refused.
        _clusters.Execute('b', "INSERT INTO users VALUES (17, 'in the way', now())");
        ErrorRecord error = _clusters.Shell.Run($"Copy-CitusTable users, events -From a -To b -ImportId {id} -ThrottleLimit 1")
            .Failed("CitusConstraintViolation");
        Assert.Contains("users_pkey\"", error.Exception.Message, StringComparison.Ordinal); // and not the shard's
        Assert.Contains("are committed in the target; -ImportId", error.Exception.Message, StringComparison.Ordinal);
        long before = (long)_clusters.Scalar('b', "SELECT count(*) - 1 FROM users")!;
        Assert.InRange(before, 1, 4999);

        _clusters.Execute('b', "DELETE FROM users WHERE login = 'in the way'");
        // Where the target's shards lie, and how many there are, is no matter; which the source's are is.
        _clusters.Execute('b', "SELECT citus_split_shard_by_split_points(shardid, ARRAY['100'], ARRAY[2,3], 'block_writes') FROM pg_dist_shard "
            + "WHERE logicalrelid = 'users'::regclass AND 100 BETWEEN shardminvalue::int AND shardmaxvalue::int");
        IReadOnlyList<PSObject> copied = _clusters.Shell.Get($"Copy-CitusTable users, events -From a -To b -ImportId {id}");
        Assert.Equal((before, 5000 - before), (copied[0].Get("RowsBefore"), copied[0].Get("Rows")));
        _clusters.AssertSame("users", "events");
        Assert.All(_clusters.Shell.Get($"Copy-CitusTable users, events -From a -To b -Resume"), r => Assert.Equal(0L, r.Get("Rows")));
        _clusters.AssertSame("users", "events");

        _clusters.Execute('b', "TRUNCATE users CASCADE;\nINSERT INTO users VALUES (17, 'in the way', now())");
        id = Guid.NewGuid();
        _clusters.Shell.Run($"Copy-CitusTable users -From a -To b -ImportId {id} -ThrottleLimit 1").Failed("CitusConstraintViolation");
        _clusters.Execute('a', "SELECT citus_split_shard_by_split_points(shardid, ARRAY['100'], ARRAY[2,3], 'block_writes') FROM pg_dist_shard "
            + "WHERE logicalrelid = 'users'::regclass AND 100 BETWEEN shardminvalue::int AND shardmaxvalue::int");
        _clusters.Shell.Run($"Copy-CitusTable users -From a -To b -ImportId {id}").Failed("CitusCopySourceChanged");
        _clusters.Execute('b', "SELECT alter_distributed_table('users', shard_count := 9, cascade_to_colocated := true)");
        _clusters.Shell.Run($"Copy-CitusTable users -From a -To b -ImportId {id}").Failed("CitusImportTableChanged");
    }

    [Fact]
    public void What_the_target_has_besides_is_found_by_Verify()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, "DROP TABLE IF EXISTS besides;\nCREATE TABLE besides (id int PRIMARY KEY, note text);\n"
                + "SELECT create_distributed_table('besides', 'id', shard_count := 4, colocate_with := 'none')");
        _clusters.Execute('a', "INSERT INTO besides SELECT i, 'note ' || i FROM generate_series(1, 100) i");
        _clusters.Execute('b', "INSERT INTO besides VALUES (1000, 'mine')");

        RunResult run = _clusters.Shell.Run("Copy-CitusTable besides -From a -To b -Verify");

        Assert.Contains("has 100 rows", run.Failed("CitusCopyNotEqual").Exception.Message);
        Assert.Equal(false, Assert.Single(run.Output).Get("IsVerified"));
        Assert.Equal(101L, _clusters.Scalar('b', "SELECT count(*) FROM besides"));
        _clusters.Shell.Run("Copy-CitusTable besides -From a -To b -Query 'SELECT * FROM besides' -Verify").Failed("CitusInvalidArgument");
    }

    /// <summary>Money goes from shard to shard and to another table all the while; in the copy it is all there.</summary>
    [Fact]
    public async Task All_tables_are_of_one_instant()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, "DROP TABLE IF EXISTS left_side, right_side;\n"
                + "CREATE TABLE left_side (id int PRIMARY KEY, cents bigint);\nCREATE TABLE right_side (id int PRIMARY KEY, cents bigint);\n"
                + "SELECT create_distributed_table('left_side', 'id', shard_count := 4, colocate_with := 'none');\n"
                + "SELECT create_distributed_table('right_side', 'id', shard_count := 3, colocate_with := 'none')");
        _clusters.Execute('a', "INSERT INTO left_side SELECT i, 1000 FROM generate_series(1, 200) i;\n"
            + "INSERT INTO right_side SELECT i, 1000 FROM generate_series(1, 200) i");
        using var over = new CancellationTokenSource();
        Task<int>[] writers = [.. Enumerable.Range(0, 3).Select(n => Task.Run(() => Transfer(n, over.Token)))];
        for (int i = 0; i < 5; i++)
        {
            _clusters.Execute('b', "TRUNCATE left_side, right_side");
            // Compared with the snapshot, whatever is written since.
            Assert.All(_clusters.Shell.Get("Copy-CitusTable left_side, right_side -From a -To b -Verify"),
                r => Assert.Equal((true, true), (r.Get("IsSnapshot"), r.Get("IsVerified"))));
            Assert.Equal(400_000m, _clusters.Scalar('b', "SELECT (SELECT sum(cents) FROM left_side) + (SELECT sum(cents) FROM right_side)"));
        }
        await over.CancelAsync();
        Assert.All(await Task.WhenAll(writers), n => Assert.InRange(n, 5, int.MaxValue));

        int Transfer(int seed, CancellationToken stop)
        {
            var random = new Random(seed);
            using NpgsqlConnection session = _clusters.Open('a');
            int done = 0;
            for (; !stop.IsCancellationRequested; done++)
            {
                using var command = new NpgsqlCommand($"BEGIN; UPDATE left_side SET cents = cents - 1 WHERE id = {seed * 60 + random.Next(1, 60)}; "
                    + $"UPDATE right_side SET cents = cents + 1 WHERE id = {seed * 60 + random.Next(1, 60)}; COMMIT", session);
                command.ExecuteNonQuery();
            }
            return done;
        }
    }

    private bool Try(char cluster, string sql)
    {
        try
        {
            _clusters.Execute(cluster, sql);
            return true;
        }
        catch (PostgresException)
        {
            return false;
        }
    }

    private void Create(char cluster, int shards) => _clusters.Execute(cluster, $"""
        CREATE EXTENSION IF NOT EXISTS citus_columnar;
        CREATE TABLE users (user_id bigint PRIMARY KEY, login text, at timestamptz DEFAULT now());
        CREATE TABLE events (event_id bigint, user_id bigint, kind text, details jsonb, amount numeric(12,2), created_at timestamp,
            upper_kind text GENERATED ALWAYS AS (upper(kind)) STORED, PRIMARY KEY (user_id, event_id));
        CREATE TABLE currencies (code text PRIMARY KEY, name text);
        CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
        CREATE TABLE readings (user_id bigint NOT NULL, at date NOT NULL, value numeric, PRIMARY KEY (user_id, at)) PARTITION BY RANGE (at);
        CREATE TABLE readings_2024 PARTITION OF readings FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE readings_2025 PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        CREATE TABLE archive (user_id bigint NOT NULL, note text) USING columnar;
        CREATE TABLE audit (id bigserial PRIMARY KEY, note text);
        CREATE SCHEMA tenant_a;
        CREATE TABLE tenant_a.orders (id bigint PRIMARY KEY, state text);
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE TABLE moods (k text, m mood, ms mood[]);
        CREATE TABLE "Odd 'table'" ("Key" uuid, "Größe" text);
        SELECT create_reference_table('currencies');
        SELECT create_distributed_table('users', 'user_id', shard_count := {shards}, colocate_with := 'none');
        SELECT create_distributed_table('events', 'user_id', colocate_with := 'users');
        SELECT create_distributed_table('readings', 'user_id', shard_count := 4, colocate_with := 'none');
        SELECT create_distributed_table('archive', 'user_id', shard_count := 3, colocate_with := 'none');
        SELECT create_distributed_table('moods', 'k', shard_count := 4, colocate_with := 'none');
        SELECT create_distributed_table('"Odd ''table''"', 'Key', shard_count := {shards}, colocate_with := 'none');
        SELECT create_distributed_table('audit', NULL, colocate_with := 'none');
        SELECT citus_schema_distribute('tenant_a');
        ALTER TABLE events ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users;
        CREATE INDEX events_kind ON events (kind);
        CREATE INDEX events_details ON events USING gin (details);
        COMMENT ON INDEX events_kind IS 'by ''kind'''
        """);

    private void Fill() => _clusters.Execute('a', """
        INSERT INTO users SELECT i, 'l' || i, '2024-05-05' FROM generate_series(1, 5000) i;
        INSERT INTO events SELECT i, 1 + i % 5000, 'kind' || i % 7, jsonb_build_object('a', i), i / 100.0, now() FROM generate_series(1, 20000) i;
        INSERT INTO currencies VALUES ('EUR', 'Euro'), ('USD', NULL);
        INSERT INTO notes (note) SELECT 'n' || i FROM generate_series(1, 10) i;
        INSERT INTO readings SELECT i, '2024-06-01'::date + i % 365, i FROM generate_series(1, 1000) i;
        INSERT INTO archive SELECT i, repeat('x', i % 100) FROM generate_series(1, 1000) i;
        INSERT INTO audit (note) SELECT 'x' || i FROM generate_series(1, 15) i;
        INSERT INTO tenant_a.orders SELECT i, 's' FROM generate_series(1, 20) i;
        INSERT INTO moods SELECT i::text, 'good', ARRAY['bad', NULL, 'good']::mood[] FROM generate_series(1, 50) i;
        INSERT INTO "Odd 'table'" SELECT md5(i::text)::uuid, 'a' || i || chr(10) FROM generate_series(1, 500) i
        """);

    private string Definitions(char cluster) => (string)_clusters.Scalar(cluster, """
        SELECT string_agg(d, chr(10) ORDER BY d) FROM (
            SELECT pg_get_indexdef(indexrelid) || coalesce(obj_description(indexrelid), '') AS d FROM pg_index WHERE indrelid = 'events'::regclass
            UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'events'::regclass) x
        """)!;
}
