using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Transfer;

/// <summary>Copies between databases that differ: in their encodings, types, sequences, indexes, roles and limits.</summary>
public sealed class CopyDifferenceTests : ClusterTest, IClassFixture<CopyClusters>
{
    private readonly CopyClusters _clusters;

    public CopyDifferenceTests(CopyClusters clusters, ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        _clusters = clusters;
    }

    /// <summary>A text's hash is that of its bytes in the database's encoding.</summary>
    [Theory]
    [InlineData('a', "Split", "other hash ranges|that column's hash")]
    [InlineData('b', "Coordinator", "the database's encoding is LATIN1")]
    public void A_text_by_which_a_table_is_distributed_is_found_in_a_database_of_another_encoding(char latin, string method, string reason)
    {
        _clusters.Execute(latin, "DROP DATABASE IF EXISTS latin;\nCREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
        _clusters.Execute(latin, $"""
            CREATE EXTENSION citus;
            SELECT citus_set_coordinator_host('127.0.0.1', {_clusters.Servers(latin)[0].Port});
            SELECT citus_set_node_property('127.0.0.1', {_clusters.Servers(latin)[0].Port}, 'shouldhaveshards', true)
            """, "latin");
        _clusters.Connect(latin, $"latin_{latin}", "latin");
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS people;
                CREATE TABLE people (name text, id int);
                SELECT create_distributed_table('people', 'name', shard_count := 16, colocate_with := 'none')
                """, cluster == latin ? "latin" : "citus");
        _clusters.Execute('a', "INSERT INTO people SELECT 'M' || chr(252) || 'ller ' || i, i FROM generate_series(1, 100) i",
            latin == 'a' ? "latin" : "citus");
        string copy = $"Copy-CitusTable people -From {(latin == 'a' ? "latin_a" : "a")} -To {(latin == 'b' ? "latin_b" : "b")}";
        _clusters.Shell.Run($"{copy} -Verify").Failed("CitusEncodingsDiffer");

        PSObject copied = _clusters.Shell.Run(copy).Single;

        Assert.Equal((100L, method), (copied.Get("Rows"), copied.Get("Method")!.ToString()));
        Assert.Matches(reason, (string)copied.Get("Reason")!);
        for (int i = 1; i <= 100; i += 9)
            Assert.Equal(i, _clusters.Scalar('b', $"SELECT id FROM people WHERE name = 'M' || chr(252) || 'ller {i}'",
                latin == 'b' ? "latin" : "citus"));
    }

    [Theory]
    [InlineData("numeric", "numeric(12,1)", "0.04 + i")]
    [InlineData("timestamptz", "timestamptz(0)", "'2024-01-01'::timestamptz + i * interval '1.4 s'")]
    [InlineData("varchar", "varchar(9)", "rpad('k' || i, 12)")]
    public void A_key_that_the_target_rounds_or_cuts_off_is_found_there(string from, string to, string value)
    {
        foreach ((char cluster, string type) in new[] { ('a', from), ('b', to) })
            _clusters.Execute(cluster, $"""
                DROP TABLE IF EXISTS rounded;
                CREATE TABLE rounded (k {type}, id int);
                SELECT create_distributed_table('rounded', 'k', shard_count := 8, colocate_with := 'none')
                """);
        _clusters.Execute('a', $"INSERT INTO rounded SELECT {value}, i FROM generate_series(1, 50) i");

        PSObject copied = _clusters.Shell.Run("Copy-CitusTable rounded -From a -To b").Single;

        Assert.Equal((50L, "Coordinator"), (copied.Get("Rows"), copied.Get("Method")!.ToString()));
        for (int i = 1; i <= 50; i += 7)
            Assert.Equal(1L, _clusters.Scalar('b', $"SELECT count(*) FROM rounded WHERE k = (SELECT ({value})::{to} FROM (SELECT {i}) v (i))"));
    }

    [Fact]
    public void Parts_that_fill_all_shards_are_no_more_at_a_time_than_the_nodes_have_room_for()
    {
        foreach ((char cluster, string key) in new[] { ('a', "id"), ('b', "other") })
            _clusters.Execute(cluster, $"""
                DROP TABLE IF EXISTS wide;
                CREATE TABLE wide (id bigint, other bigint);
                SELECT create_distributed_table('wide', '{key}', shard_count := {(cluster == 'a' ? 16 : 64)}, colocate_with := 'none')
                """);
        _clusters.Execute('a', "INSERT INTO wide SELECT i, i * 7 FROM generate_series(1, 20000) i");

        PSObject copied = _clusters.Shell.Run("Copy-CitusTable wide -From a -To b -ThrottleLimit 16 -Verify").Single;

        Assert.Equal((20_000L, "Split", true), (copied.Get("Rows"), copied.Get("Method")!.ToString(), copied.Get("IsVerified")));
        // 300 connections of each worker, of which half is left to others, and 32 shards on each.
        Assert.Matches(@" [1-4] at a time: the nodes have room for no more sessions\.$", (string)copied.Get("Reason")!);
        _clusters.AssertSame("wide");
    }

    /// <summary>Where the rows tell where a sequence goes on, within its bounds, and where they can't.</summary>
    [Fact]
    public void Sequences_go_on_behind_the_rows_and_never_before_their_own_start()
    {
        const string tables = """
            DROP TABLE IF EXISTS coded, looked_up, far_start, descending;
            DROP SEQUENCE IF EXISTS code_numbers;
            CREATE SEQUENCE code_numbers;
            CREATE TABLE coded (id bigint PRIMARY KEY, code text DEFAULT 'ORD-' || nextval('code_numbers'));
            CREATE TABLE looked_up (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, note text);
            CREATE TABLE far_start (id bigint GENERATED BY DEFAULT AS IDENTITY (START 1000) PRIMARY KEY);
            CREATE TABLE descending (id int GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1 MINVALUE -100 MAXVALUE -1) PRIMARY KEY)
            """;
        foreach (char cluster in "ab") _clusters.Execute(cluster, tables);
        _clusters.Execute('a', """
            INSERT INTO coded SELECT i, 'ORD-' || i FROM generate_series(1, 5) i;
            INSERT INTO looked_up VALUES (-1, 'none'), (0, 'all');
            INSERT INTO far_start SELECT generate_series(1, 10);
            INSERT INTO descending VALUES (-40), (7)
            """);

        _clusters.Shell.Run("Copy-CitusTable coded -From a -To b -Query 'SELECT id, code FROM coded'; "
            + "Copy-CitusTable looked_up, far_start, descending -From a -To b").Succeeded();

        _clusters.AssertSame("coded", "looked_up", "far_start", "descending");
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT nextval('code_numbers')"));
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT nextval('looked_up_id_seq')"));
        Assert.Equal(1000L, _clusters.Scalar('b', "SELECT nextval('far_start_id_seq')"));
        Assert.Equal(-41L, _clusters.Scalar('b', "SELECT nextval('descending_id_seq')"));
    }

    [Fact]
    public void A_rule_for_keys_sets_identity_columns_and_counts_what_it_loaded()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS numbered;
                CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, user_id bigint, note text, PRIMARY KEY (user_id, id));
                SELECT create_distributed_table('numbered', 'user_id', shard_count := 4, colocate_with := 'none')
                """);
        _clusters.Execute('a', "INSERT INTO numbered (user_id, note) SELECT i % 20, 'n' || i FROM generate_series(1, 300) i");

        PSObject first = _clusters.Shell.Run("Copy-CitusTable numbered -From a -To b -OnConflict Skip").Single;
        _clusters.Execute('b', "DELETE FROM numbered WHERE user_id = 7");
        PSObject second = _clusters.Shell.Run("Copy-CitusTable numbered -From a -To b -OnConflict Skip").Single;

        Assert.Equal((300L, 15L), (first.Get("Rows"), second.Get("Rows")));
        _clusters.AssertSame("numbered");
        _clusters.Execute('b', "UPDATE numbered SET note = 'mine'");
        Assert.Equal(300L, _clusters.Shell.Run("Copy-CitusTable numbered -From a -To b -OnConflict Update").Single.Get("Rows"));
        _clusters.AssertSame("numbered");
    }

    [Fact]
    public void Indexes_and_foreign_keys_to_tables_of_every_kind_wait_for_the_rows()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS priced, holders, currencies;
                CREATE TABLE currencies (code text PRIMARY KEY);
                SELECT create_reference_table('currencies');
                CREATE TABLE holders (user_id bigint PRIMARY KEY);
                SELECT create_distributed_table('holders', 'user_id', shard_count := 4, colocate_with := 'none');
                CREATE TABLE priced (id bigint, user_id bigint, currency text, PRIMARY KEY (user_id, id));
                SELECT create_distributed_table('priced', 'user_id', colocate_with := 'holders');
                ALTER TABLE priced ADD CONSTRAINT of_holder FOREIGN KEY (user_id) REFERENCES holders;
                ALTER TABLE priced ADD CONSTRAINT of_currency FOREIGN KEY (currency) REFERENCES currencies;
                CREATE INDEX priced_currency ON priced (currency)
                """);
        _clusters.Execute('a', """
            INSERT INTO currencies VALUES ('EUR'), ('USD');
            INSERT INTO holders SELECT generate_series(1, 50);
            INSERT INTO priced SELECT i, 1 + i % 50, CASE i % 2 WHEN 0 THEN 'EUR' ELSE 'USD' END FROM generate_series(1, 500) i
            """);
        // The shards' indexes and foreign keys go with the table's, whatever the role's settings.
        const string onShards = "SELECT string_agg(DISTINCT result, ' ') FROM run_command_on_shards('priced', $$ SELECT (SELECT count(*) FROM "
            + "pg_index WHERE indrelid = '%1$s'::regclass) || '/' || (SELECT count(*) FROM pg_constraint WHERE conrelid = '%1$s'::regclass "
            + "AND contype = 'f') $$)";
        Assert.Equal("2/2", _clusters.Scalar('b', onShards));
        string role = Cluster.NewName("alone");
        _clusters.Execute('b', $"ALTER TABLE priced ADD CONSTRAINT no_17 CHECK (id <> 17);\nCREATE ROLE {role} LOGIN SUPERUSER PASSWORD "
            + $"'{_clusters.Password('b')}';\nALTER ROLE {role} SET citus.enable_ddl_propagation = off");
        _clusters.Connect('b', $"{role}_b", role: role);
        Guid id = Guid.NewGuid();
        string copy = $"Copy-CitusTable priced, holders, currencies -From a -To {role}_b -DeferIndexes -ImportId {id}";
        _clusters.Shell.Run(copy).Failed("CitusConstraintViolation");
        Assert.Equal("1/0", _clusters.Scalar('b', onShards));
        _clusters.Execute('b', "ALTER TABLE priced DROP CONSTRAINT no_17");

        IReadOnlyList<PSObject> copied = _clusters.Shell.Get(copy);

        Assert.Equal("2/2", _clusters.Scalar('b', onShards));

        Assert.NotNull(copied.Single(r => (string)r.Get("Table")! == "priced").Get("IndexDuration"));
        _clusters.AssertSame("priced", "holders", "currencies");
        const string definitions = "SELECT string_agg(d, ' ' ORDER BY d) FROM (SELECT pg_get_indexdef(indexrelid) AS d FROM pg_index "
            + "WHERE indrelid = 'priced'::regclass UNION SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'priced'::regclass) x";
        Assert.Equal(_clusters.Scalar('a', definitions), _clusters.Scalar('b', definitions));
    }

    /// <summary>In the target the same name leads to another schema's table.</summary>
    [Fact]
    public void A_name_means_the_sources_table_whatever_the_search_path_of_the_target()
    {
        string role = Cluster.NewName("pathed");
        foreach (char cluster in "ab")
        {
            _clusters.Execute(cluster, $"""
                DROP SCHEMA IF EXISTS pathed CASCADE;
                DROP TABLE IF EXISTS public.pathed_orders;
                CREATE SCHEMA pathed;
                CREATE TABLE pathed.pathed_orders (id bigint PRIMARY KEY, note text);
                CREATE TABLE public.pathed_orders (id bigint PRIMARY KEY, note text);
                SELECT create_distributed_table('pathed.pathed_orders', 'id', shard_count := 3, colocate_with := 'none');
                SELECT create_distributed_table('public.pathed_orders', 'id', shard_count := 4, colocate_with := 'none')
                """);
        }
        _clusters.Execute('a', $"""
            INSERT INTO pathed.pathed_orders SELECT i, 'pathed' FROM generate_series(1, 50) i;
            INSERT INTO public.pathed_orders SELECT i, 'public' FROM generate_series(1, 70) i;
            CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{_clusters.Password('a')}';
            ALTER ROLE {role} SET search_path = pathed, public
            """);
        _clusters.Connect('a', $"{role}_a", role: role);

        IReadOnlyList<PSObject> copied = _clusters.Shell.Get($"Copy-CitusTable *pathed_orders -From {role}_a -To b -Verify");

        Assert.Equal([50L, 70L], copied.Select(r => (long)r.Get("Rows")!).Order());
        Assert.All(copied, r => Assert.Equal(true, r.Get("IsVerified")));
        _clusters.AssertSame("pathed.pathed_orders", "public.pathed_orders");
    }

    /// <summary>Each node writes values by settings of its own.</summary>
    [Fact]
    public void Moments_become_the_local_times_of_the_sources_coordinator_whatever_its_nodes_are_set_to()
    {
        foreach ((char cluster, string type) in new[] { ('a', "timestamptz"), ('b', "timestamp") })
            _clusters.Execute(cluster, $"""
                DROP TABLE IF EXISTS moments;
                CREATE TABLE moments (id bigint PRIMARY KEY, at {type}, data {(cluster == 'a' ? "bytea" : "text")});
                SELECT create_distributed_table('moments', 'id', shard_count := 8, colocate_with := 'none')
                """);
        _clusters.Execute('a', "INSERT INTO moments SELECT i, '2024-01-01 00:00+00'::timestamptz + i * interval '1 h', '\\x00ff' "
            + "FROM generate_series(1, 300) i");
        string role = Cluster.NewName("zoned");
        int worker = _clusters.Servers('a')[1].Port;
        _clusters.Execute('a', $"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{_clusters.Password('a')}';\n"
            + $"ALTER ROLE {role} SET TimeZone = 'UTC'");
        using (var session = new NpgsqlConnection(_clusters.ConnectionString('a', port: worker) + ";Pooling=false"))
        {
            session.Open();
            using var set = new NpgsqlCommand($"SET citus.enable_ddl_propagation = off; ALTER ROLE {role} SET TimeZone = 'Asia/Tokyo'; "
                + $"ALTER ROLE {role} SET bytea_output = 'escape'", session);
            set.ExecuteNonQuery();
        }
        _clusters.Connect('a', $"{role}_a", role: role);

        PSObject copied = _clusters.Shell.Run($"Copy-CitusTable moments -From {role}_a -To b").Single;

        Assert.Equal(300L, copied.Get("Rows"));
        Assert.Equal(300L, _clusters.Scalar('b', "SELECT count(*) FROM moments WHERE at = '2024-01-01'::timestamp + id * interval '1 h' "
            + "AND data = '\\x00ff'"));
    }

    /// <summary>Citus would replace a local table that no foreign key ties to a reference table any more.</summary>
    [Fact]
    public void Local_tables_with_foreign_keys_to_reference_tables_stay_the_same_tables()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS tied, tied_to;
                CREATE TABLE tied_to (id int PRIMARY KEY);
                SELECT create_reference_table('tied_to');
                CREATE TABLE tied (id serial PRIMARY KEY, ref int REFERENCES tied_to);
                CREATE INDEX tied_ref ON tied (ref)
                """);
        Assert.Equal(true, _clusters.Scalar('b', "SELECT autoconverted FROM pg_dist_partition WHERE logicalrelid = 'tied'::regclass"));
        object? before = _clusters.Scalar('b', "SELECT 'tied'::regclass::oid");
        _clusters.Execute('a', "INSERT INTO tied_to SELECT generate_series(1, 10);\n"
            + "INSERT INTO tied (ref) SELECT 1 + i % 10 FROM generate_series(1, 100) i");
        string copy = $"Copy-CitusTable tied, tied_to -From a -To b -DeferIndexes -ImportId {Guid.NewGuid()}";

        IReadOnlyList<PSObject> copied = _clusters.Shell.Get(copy), again = _clusters.Shell.Get(copy);

        Assert.Equal(110L, copied.Sum(r => (long)r.Get("Rows")!));
        Assert.All(again, r => Assert.Equal(0L, r.Get("Rows")));
        _clusters.AssertSame("tied", "tied_to");
        Assert.Equal(before, _clusters.Scalar('b', "SELECT 'tied'::regclass::oid"));
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM pg_constraint WHERE conrelid = 'tied'::regclass AND contype = 'f'"));
    }

    [Fact]
    public void A_unique_index_by_which_rows_are_compared_is_not_deferred()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS decided;
                CREATE TABLE decided (id bigint, note text);
                SELECT create_distributed_table('decided', 'id', shard_count := 4, colocate_with := 'none');
                CREATE UNIQUE INDEX decided_id ON decided (id);
                CREATE INDEX decided_note ON decided (note)
                """);
        _clusters.Execute('a', "INSERT INTO decided SELECT i, 'n' || i FROM generate_series(1, 100) i");

        PSObject copied = _clusters.Shell.Run("Copy-CitusTable decided -From a -To b -DeferIndexes -OnConflict Skip -KeyColumn id").Single;

        Assert.NotNull(copied.Get("IndexDuration"));
        _clusters.AssertSame("decided");
        Assert.Equal("decided_id decided_note", _clusters.Scalar('b', "SELECT string_agg(indexname, ' ' ORDER BY 1) FROM pg_indexes "
            + "WHERE tablename = 'decided'"));
    }

    [Fact]
    public void Triggers_that_fire_for_copied_rows_are_named_with_what_disables_them()
    {
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS watched, watched_log;
                CREATE TABLE watched (id bigint PRIMARY KEY);
                CREATE TABLE watched_log (id bigint)
                """);
        const string log = "CREATE OR REPLACE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS "
            + "$$ BEGIN INSERT INTO public.watched_log VALUES (new.id); RETURN new; END $$";
        _clusters.Execute('b', $"{log};\nCREATE TRIGGER watch AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION watch();\n"
            + "CREATE TRIGGER unfired BEFORE UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION watch();\n"
            + "CREATE TRIGGER disabled BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION watch();\n"
            + "ALTER TABLE watched DISABLE TRIGGER disabled;\nALTER TABLE watched ENABLE ALWAYS TRIGGER watch");
        const string enabled = "SELECT string_agg(tgname || ' ' || tgenabled::text, ', ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = "
            + "'watched'::regclass";
        object? before = _clusters.Scalar('b', enabled);
        _clusters.Execute('a', "INSERT INTO watched SELECT generate_series(1, 10);\nINSERT INTO watched_log SELECT generate_series(1, 10)");

        string warning = Assert.Single(_clusters.Shell.Run("Copy-CitusTable watched, watched_log -From a -To b -WhatIf").Succeeded().Warnings);
        Assert.Contains("watched: triggers of the target fire for each row", warning, StringComparison.Ordinal);
        Assert.Contains("(watch)", warning, StringComparison.Ordinal);
        string disable = warning[warning.IndexOf("ALTER TABLE", StringComparison.Ordinal)..warning.IndexOf(" before, ", StringComparison.Ordinal)];
        _clusters.Shell.Run($"Invoke-CitusQuery '{disable}' -Connection b").Succeeded();
        RunResult run = _clusters.Shell.Run("Copy-CitusTable watched, watched_log -From a -To b -Verify").Succeeded();

        Assert.Empty(run.Warnings);
        _clusters.AssertSame("watched", "watched_log");
        string enable = warning[(warning.IndexOf(" before, and ", StringComparison.Ordinal) + " before, and ".Length)..^" afterwards.".Length];
        _clusters.Shell.Run($"Invoke-CitusQuery '{enable}' -Connection b").Succeeded();
        Assert.Equal(before, _clusters.Scalar('b', enabled));
    }

    /// <summary>What an index runs finds what it names without a schema, as when the index was made.</summary>
    [Fact]
    public void A_deferred_index_runs_its_functions_with_the_users_search_path()
    {
        const string indexed = """
            DROP TABLE IF EXISTS indexed;
            DROP FUNCTION IF EXISTS indexed_by(text), plainly(text);
            CREATE FUNCTION plainly(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper($1)';
            CREATE FUNCTION indexed_by(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN plainly($1); END';
            CREATE TABLE indexed (id bigint PRIMARY KEY, name text);
            CREATE INDEX indexed_name ON indexed (indexed_by(name))
            """;
        foreach (char cluster in "ab")
        {
            _clusters.Execute(cluster, "DROP DATABASE IF EXISTS plain;\nCREATE DATABASE plain");
            _clusters.Connect(cluster, $"plain_{cluster}", "plain");
            _clusters.Execute(cluster, indexed, "plain");
        }
        _clusters.Execute('a', "INSERT INTO indexed SELECT i, 'n' || i FROM generate_series(1, 100) i", "plain");

        RunResult run = _clusters.Shell.Run("Copy-CitusTable indexed -From plain_a -To plain_b -DeferIndexes");
        // From PostgreSQL 17 on the server itself runs an index's functions with its own search path.
        if (Cluster.PostgresMajor >= 17) return;

        Assert.NotNull(run.Single.Get("IndexDuration"));
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM pg_indexes WHERE indexname = 'indexed_name'", "plain"));
    }

    [Fact]
    public async Task The_time_limits_of_roles_end_no_copy_and_no_comparison()
    {
        string role = Cluster.NewName("hurried");
        foreach (char cluster in "ab")
        {
            // One row takes the target longer than the limits, however fast the machine; the source waits for it as long.
            string slow = cluster == 'b' ? ", CHECK (id <> 1000 OR pg_sleep(1)::text IS NOT NULL)" : "";
            _clusters.Execute(cluster, $"""
                DROP TABLE IF EXISTS long_read;
                CREATE TABLE long_read (id bigint PRIMARY KEY, note text{slow});
                SELECT create_distributed_table('long_read', 'id', shard_count := 1, colocate_with := 'none');
                CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{_clusters.Password(cluster)}';
                ALTER ROLE {role} SET statement_timeout = '300ms';
                ALTER ROLE {role} SET idle_in_transaction_session_timeout = '300ms'
                """);
            _clusters.Connect(cluster, $"{role}_{cluster}", role: role);
        }
        _clusters.Execute('a', "INSERT INTO long_read SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 200000) i");
        _clusters.Shell.Run($"Invoke-CitusQuery 'SELECT pg_sleep(1)' -Connection {role}_a").Failed("CitusQueryCancelled");

        RunResult run = _clusters.Shell.Run($"Copy-CitusTable long_read -From {role}_a -To {role}_b -Verify");

        Assert.Empty(run.Succeeded().Warnings);
        Assert.Equal((200_000L, true, true), (run.Single.Get("Rows"), run.Single.Get("IsSnapshot"), run.Single.Get("IsVerified")));
        Assert.True((TimeSpan)run.Single.Get("Duration")! > TimeSpan.FromSeconds(1), $"{run.Single.Get("Duration")}");

        // A comparison waits for a lock on a shard, once on each side; its session on the other side is idle meanwhile.
        foreach (char cluster in "ab")
        {
            string[] shard = ((string)_clusters.Scalar(cluster, """
                SELECT nodeport || ',long_read_' || shardid FROM pg_dist_shard JOIN pg_dist_placement USING (shardid)
                JOIN pg_dist_node USING (groupid) WHERE logicalrelid = 'long_read'::regclass
                """)!).Split(',');
            using var worker = new NpgsqlConnection(_clusters.ConnectionString(cluster, port: int.Parse(shard[0])) + ";Pooling=false");
            await worker.OpenAsync(TestContext.Current.CancellationToken);
            using var hold = new NpgsqlCommand(
                $"SET citus.enable_manual_changes_to_shards = on; BEGIN; LOCK TABLE {shard[1]} IN ACCESS EXCLUSIVE MODE", worker);
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            using var release = new NpgsqlCommand($"""
                DO $$ BEGIN
                  FOR i IN 1..250 LOOP
                    EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = '{shard[1]}'::regclass);
                    ASSERT i < 250, 'no comparison waits for the lock'; PERFORM pg_sleep(0.1);
                  END LOOP;
                  PERFORM pg_sleep(1);
                END $$
                """, worker);
            Task released = ReleaseAsync();
            async Task ReleaseAsync()
            {
                try { await release.ExecuteNonQueryAsync(TestContext.Current.CancellationToken); }
                finally { await worker.CloseAsync(); }
            }

            run = _clusters.Shell.Run($"Compare-CitusTable long_read -From {role}_a -To {role}_b");

            await released;
            Assert.Empty(run.Succeeded().Warnings); // such as that its shards could not be read one by one
            Assert.Equal((true, 200_000L), (run.Single.Get("IsEqual"), run.Single.Get("TargetRows")));
        }
    }

    [Fact]
    public void A_copy_is_continued_by_another_address_of_its_source_and_only_by_the_role_that_dropped_its_indexes()
    {
        string role = Cluster.NewName("other");
        foreach (char cluster in "ab")
            _clusters.Execute(cluster, """
                DROP TABLE IF EXISTS continued;
                CREATE TABLE continued (id bigint);
                SELECT create_distributed_table('continued', 'id', shard_count := 8, colocate_with := 'none');
                CREATE INDEX continued_id ON continued (id)
                """);
        _clusters.Execute('a', "INSERT INTO continued SELECT generate_series(1, 4000)");
        _clusters.Execute('b', $"ALTER TABLE continued ADD CONSTRAINT no_17 CHECK (id <> 17);\nCREATE ROLE {role} LOGIN SUPERUSER PASSWORD "
            + $"'{_clusters.Password('b')}'");
        _clusters.Connect('b', $"{role}_b", role: role);
        _clusters.Shell.Run("Copy-CitusTable continued -From a -To b -DeferIndexes -ThrottleLimit 1").Failed("CitusConstraintViolation");
        _clusters.Execute('b', "ALTER TABLE continued DROP CONSTRAINT no_17");
        long before = (long)_clusters.Scalar('b', "SELECT count(*) FROM continued")!;
        Assert.InRange(before, 1, 3999);
        // The address decides which server it is, and not how it is written.
        _clusters.Shell["to"] = _clusters.ConnectionString('a').Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        _clusters.Shell.Run("$null = Connect-CitusCluster -ConnectionString $to -Name plain_a").Succeeded();
        _clusters.Shell.Run("Copy-CitusTable continued -From plain_a -To a").Failed("CitusCopySameDatabase");

        ErrorRecord refused = _clusters.Shell.Run($"Copy-CitusTable continued -From plain_a -To {role}_b -Resume").Failed("CitusPermissionDenied");
        RunResult run = _clusters.Shell.Run("Copy-CitusTable continued -From plain_a -To b -Resume").Succeeded();

        Assert.Contains("as postgres", refused.Exception.Message, StringComparison.Ordinal);
        Assert.Equal((before, 4000 - before), (run.Single.Get("RowsBefore"), run.Single.Get("Rows")));
        _clusters.AssertSame("continued");
        Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM pg_indexes WHERE indexname = 'continued_id'"));
        // Of another table there is nothing to continue.
        _clusters.Execute('b', "DELETE FROM woodgrove.import_batch WHERE table_name = 'public.continued'");
        RunResult anew = _clusters.Shell.Run("Copy-CitusTable continued -From a -To b -Resume").Succeeded();
        Assert.Contains(anew.Warnings, w => w.Contains("its rows are copied from the beginning; the table has rows already", StringComparison.Ordinal));
        Assert.Equal(8000L, _clusters.Scalar('b', "SELECT count(*) FROM continued"));
    }
}
