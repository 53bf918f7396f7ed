using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Find-DistributionPlan on databases that have no Citus.</summary>
public sealed class DistributionPlanTests : ClusterTest
{
    private readonly string _database;

    public DistributionPlanTests(ClusterFixture cluster) : base(cluster)
    {
        _database = Cluster.NewName("plain");
        Cluster.Execute($"CREATE DATABASE {_database}");
        Cluster.AtEnd($"DROP DATABASE IF EXISTS {_database} WITH (FORCE)");
    }

    [Fact]
    public void The_scenario_is_distributed_by_its_user_and_its_merchants_are_a_reference_table()
    {
        Execute("""
            CREATE TABLE payment_users (user_id bigint PRIMARY KEY, login text);
            CREATE TABLE payment_merchants (merchant_id bigint PRIMARY KEY, name text);
            CREATE TABLE payment_events (event_id bigint PRIMARY KEY, event_type text, merchant_id bigint REFERENCES payment_merchants,
                user_id bigint NOT NULL REFERENCES payment_users ON DELETE CASCADE);
            CREATE TABLE event_notes (note_id bigint PRIMARY KEY, event_id bigint NOT NULL REFERENCES payment_events, note text);
            CREATE TABLE settings (name text PRIMARY KEY, value text);
            INSERT INTO payment_users SELECT i, 'user ' || i FROM generate_series(1, 2000) i;
            INSERT INTO payment_merchants SELECT i, 'merchant ' || i FROM generate_series(1, 20) i;
            INSERT INTO payment_events SELECT i, 'SendFunds', i % 20 + 1, i % 2000 + 1 FROM generate_series(1, 20000) i;
            INSERT INTO event_notes SELECT i, i, 'note' FROM generate_series(1, 5000) i;
            INSERT INTO settings VALUES ('a', 'b');
            """);

        IReadOnlyList<PSObject> plans = Find().Output;

        Assert.Equal(["payment_merchants|Reference|", "payment_users|Distributed|user_id|none",
            "payment_events|Distributed|user_id|payment_users",
            "event_notes|Distributed|user_id|payment_users", "settings|Local|"], plans.Select(p => $"{p.Get("Table")}|{p.Get("Kind")}|"
                + (p.Get("DistributionColumn") is { } column ? $"{column}|{p.Get("ColocateWith")}" : "")));
        Assert.Equal("payment_events_pkey (event_id)", plans[2].Get("KeysToWiden")!.ToString());
        Assert.Equal("event_notes_event_id_fkey (event_id) to payment_events (event_id)", plans[3].Get("FillThrough"));
        Assert.Equal((20000L, false), (plans[2].Get("Rows"), plans[2].Get("IsRowsEstimate")));
        Assert.Contains("10 rows a value on average", plans[2].Get("Evidence")!.ToString(), StringComparison.Ordinal);
        Assert.Contains("ON DELETE CASCADE;", plans[2].Get("Finish")!.ToString(), StringComparison.Ordinal);
        Assert.Equal("SELECT create_distributed_table('public.payment_events', 'user_id', colocate_with := 'public.payment_users');",
            plans[2].Get("Distribute"));

        // Named tables have the plans that they have among all.
        RunResult named = Find("", "PAYMENT_EVENTS, 'public.set*', public.event_notes, nowhere");
        Assert.Contains("There is no plan for nowhere", named.Failed("CitusTableNotPlanned").Exception.Message, StringComparison.Ordinal);
        string[] emitted = [.. named.Output.Select(p => $"{p.Get("FullName")} {p.Get("Distribute")}")];
        Assert.Equal([.. new[] { 2, 3, 4 }.Select(i => $"{plans[i].Get("FullName")} {plans[i].Get("Distribute")}")], emitted);

        // The SQL runs as printed, and fills the column.
        foreach (string step in new[] { "Prepare", "Finish" })
            foreach (PSObject plan in plans)
                foreach (object? sql in (System.Collections.IEnumerable)plan.Get(step)!) Execute((string)sql!);
        Assert.Equal(5000L, Scalar("SELECT count(*) FROM event_notes n JOIN payment_events e USING (event_id, user_id)"));
        Assert.Equal(3L, Scalar("SELECT count(*) FROM pg_constraint WHERE contype = 'f'"));
    }

    [Fact]
    public void Schemas_with_the_same_tables_are_tenants()
    {
        Execute("""
            CREATE TABLE countries (code text PRIMARY KEY);
            CREATE SCHEMA tenant_a; CREATE SCHEMA tenant_b;
            CREATE TABLE tenant_a.orders (id bigint PRIMARY KEY, country text REFERENCES countries);
            CREATE TABLE tenant_b.orders (id bigint PRIMARY KEY, country text REFERENCES countries);
            """);

        IReadOnlyList<PSObject> plans = Find().Output;

        Assert.Equal(["countries|Reference", "tenant_a.orders|Schema", "tenant_b.orders|Schema"],
            plans.Select(p => $"{p.Get("Table")}|{p.Get("Kind")}"));
        Assert.Equal("SELECT citus_schema_distribute('tenant_a');", plans[1].Get("Distribute"));
        Assert.Contains("2 schemas have the same tables", (string)plans[1].Get("Reason")!, StringComparison.Ordinal);
    }

    [Fact]
    public void Foreign_keys_whose_actions_would_change_a_distribution_column_are_lost_and_the_rest_of_the_plan_runs()
    {
        Cluster.RequireCitus();
        Execute("""
            CREATE EXTENSION citus;
            CREATE TABLE users (user_id bigint PRIMARY KEY, login text);
            CREATE TABLE regions (region_id bigint PRIMARY KEY, name text);
            CREATE TABLE orders (order_id bigint PRIMARY KEY, user_id bigint NOT NULL,
                region_id bigint REFERENCES regions ON DELETE SET NULL,
                warehouse_id bigserial, stock_id bigint GENERATED ALWAYS AS IDENTITY,
                CONSTRAINT numbered FOREIGN KEY (warehouse_id) REFERENCES regions ON DELETE SET DEFAULT,
                CONSTRAINT identity FOREIGN KEY (stock_id) REFERENCES regions ON UPDATE SET DEFAULT,
                CONSTRAINT updated FOREIGN KEY (user_id) REFERENCES users ON UPDATE CASCADE);
            CREATE TABLE visits (visit_id bigint PRIMARY KEY, user_id bigint NOT NULL,
                CONSTRAINT emptied FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL,
                CONSTRAINT kept FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE);
            INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 2000) i;
            INSERT INTO regions SELECT i, 'region ' || i FROM generate_series(1, 20) i;
            INSERT INTO orders OVERRIDING SYSTEM VALUE
                SELECT i, i % 2000 + 1, i % 20 + 1, i % 20 + 1, i % 20 + 1 FROM generate_series(1, 20000) i;
            INSERT INTO visits SELECT i, i % 2000 + 1 FROM generate_series(1, 20000) i;
            """);

        IReadOnlyList<PSObject> plans = Find().Output;

        PSObject orders = plans.Single(p => (string)p.Get("Table")! == "orders");
        PSObject visits = plans.Single(p => (string)p.Get("Table")! == "visits");
        Assert.Contains("updated (user_id) to users (user_id): Citus does not support", orders.Get("LostForeignKeys")!.ToString(),
            StringComparison.Ordinal);
        foreach (string key in new[] { "numbered (warehouse_id)", "identity (stock_id)" })
            Assert.Contains($"{key} to regions (region_id): Citus does not support SET DEFAULT on a column whose default is a sequence",
                orders.Get("LostForeignKeys")!.ToString(), StringComparison.Ordinal);
        Assert.Contains("emptied (user_id) to users (user_id)", visits.Get("LostForeignKeys")!.ToString(), StringComparison.Ordinal);
        RunStep("Prepare");
        foreach (PSObject plan in plans.Where(p => p.Get("Distribute") is not null)) Execute((string)plan.Get("Distribute")!);
        RunStep("Finish");
        Assert.Equal("kept orders_region_id_fkey", Scalar("""
            SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint
            WHERE contype = 'f' AND conrelid IN ('orders'::regclass, 'visits'::regclass)
            """));

        void RunStep(string step)
        {
            foreach (PSObject plan in plans)
                foreach (object? sql in (System.Collections.IEnumerable)plan.Get(step)!) Execute((string)sql!);
        }
    }

    [Fact]
    public void Keys_stay_as_strict_and_columns_of_other_types_are_changed_and_the_plan_runs()
    {
        Cluster.RequireCitus();
        Execute("""
            CREATE EXTENSION citus;
            CREATE COLLATION same_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE TABLE users (user_id bigint PRIMARY KEY, login text);
            CREATE TABLE messages (message_id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users,
                recipient_id bigint REFERENCES users);
            CREATE TABLE payments (payment_id bigint PRIMARY KEY, user_id int NOT NULL REFERENCES users, email text, iban text, code text,
                CONSTRAINT one_email UNIQUE NULLS NOT DISTINCT (email) INCLUDE (iban) DEFERRABLE INITIALLY DEFERRED);
            CREATE TABLE payment_notes (note_id bigint PRIMARY KEY, payment_id bigint NOT NULL REFERENCES payments);
            CREATE UNIQUE INDEX one_iban ON payments (iban COLLATE same_case);
            CREATE UNIQUE INDEX one_code ON payments (code text_pattern_ops) INCLUDE (email) NULLS NOT DISTINCT WHERE code <> 'x';
            INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 2000) i;
            INSERT INTO messages SELECT i, i % 2000 + 1, i % 7 + 1 FROM generate_series(1, 20000) i;
            INSERT INTO payments SELECT i, i % 2000 + 1, 'e' || i, 'i' || i, 'c' || i FROM generate_series(1, 20000) i;
            INSERT INTO payment_notes SELECT i, i FROM generate_series(1, 5000) i;
            """);

        IReadOnlyList<PSObject> plans = Find().Output;

        PSObject messages = plans.Single(p => (string)p.Get("Table")! == "messages");
        PSObject payments = plans.Single(p => (string)p.Get("Table")! == "payments");
        Assert.Equal("messages_recipient_id_fkey (recipient_id) to users (user_id): it does not lead from user_id to user_id, by which the two "
            + "are distributed", messages.Get("LostForeignKeys")!.ToString());
        Assert.Contains("it is integer there, and has to become bigint", (string)payments.Get("Reason")!, StringComparison.Ordinal);
        foreach (string step in new[] { "Prepare", "Distribute", "Finish" })
            foreach (PSObject plan in plans.Where(p => p.Get(step) is not null))
                foreach (object? sql in plan.Get(step) is string one ? new[] { one } : (System.Collections.IEnumerable)plan.Get(step)!)
                    Execute((string)sql!);
        Assert.Equal("""
            one code: CREATE UNIQUE INDEX payments_code_user_id_email_idx ON public.payments USING btree (code text_pattern_ops, user_id) INCLUDE (email) NULLS NOT DISTINCT WHERE (code <> 'x'::text)
            one email: UNIQUE NULLS NOT DISTINCT (email, user_id) INCLUDE (iban) DEFERRABLE INITIALLY DEFERRED
            one iban: CREATE UNIQUE INDEX payments_iban_user_id_idx ON public.payments USING btree (iban COLLATE same_case, user_id)
            """.ReplaceLineEndings("\n"), Scalar("""
            SELECT string_agg(definition, E'\n' ORDER BY definition) FROM (
                SELECT 'one email: ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'payments'::regclass AND contype = 'u'
                UNION ALL SELECT 'one ' || (regexp_match(indexdef, '\((\w+)'))[1] || ': ' || indexdef FROM pg_indexes
                WHERE tablename = 'payments' AND indexname ~ '_idx$') x (definition)
            """));
        // The column that payment_notes is given has the type that payments' gets.
        Assert.Equal("bigint bigint", Scalar("SELECT string_agg(format_type(atttypid, NULL), ' ') FROM pg_attribute WHERE attrelid IN "
            + "('payments'::regclass, 'payment_notes'::regclass) AND attname = 'user_id'"));
        Assert.Equal(40_000L, Scalar("SELECT (SELECT count(*) FROM messages JOIN users USING (user_id)) + (SELECT count(*) FROM payments JOIN "
            + "users USING (user_id))"));
    }

    [Fact]
    public void Foreign_keys_between_schemas_of_tenants_are_lost()
    {
        Execute("""
            CREATE SCHEMA tenant_a; CREATE SCHEMA tenant_b;
            CREATE TABLE tenant_a.orders (id bigint PRIMARY KEY);
            CREATE TABLE tenant_b.orders (id bigint PRIMARY KEY, other bigint REFERENCES tenant_a.orders);
            CREATE TABLE tenant_a.lines (id bigint, order_id bigint REFERENCES tenant_a.orders);
            CREATE TABLE tenant_b.lines (id bigint, order_id bigint REFERENCES tenant_b.orders);
            """);

        IReadOnlyList<PSObject> plans = Find().Output;

        Assert.All(plans, p => Assert.Equal("Schema", p.Get("Kind")!.ToString()));
        Assert.Equal(["orders_other_fkey (other) to tenant_a.orders (id): the two would not be on the same node"],
            plans.SelectMany(p => ((System.Collections.IEnumerable)p.Get("LostForeignKeys")!).Cast<string>()));
    }

    [Fact]
    public void A_role_without_rights_is_told_which_it_lacks()
    {
        string role = Cluster.NewName("reader");
        Execute("CREATE TABLE hidden (user_id bigint PRIMARY KEY, login text); INSERT INTO hidden SELECT generate_series(1, 100), 'x'; "
            + $"CREATE ROLE {role} LOGIN PASSWORD 'reader'");
        Cluster.AtEnd($"DROP ROLE IF EXISTS {role}");

        RunResult found = Find($";Username={role};Password=reader;Passfile=");

        Assert.Equal("hidden", found.Single.Get("Table"));
        Assert.Contains(found.Warnings, w => w.Contains($"GRANT SELECT ON public.hidden TO {role};", StringComparison.Ordinal));
    }

    private RunResult Find(string settings = "") => Find(settings, "").Succeeded();

    private RunResult Find(string settings, string tables)
    {
        Shell["plain"] = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString + settings) { Database = _database }.ConnectionString;
        return Shell.Run("$c = Connect-CitusCluster -ConnectionString $plain -Name plain; "
            + $"try {{ Find-DistributionPlan {tables} -Connection $c }} finally {{ $c | Disconnect-CitusCluster }}");
    }

    private void Execute(string sql) => Scalar(sql);

    private object? Scalar(string sql)
    {
        using var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Database = _database,
            Pooling = false }.ConnectionString);
        session.Open();
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }
}
