using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Plans;

/// <summary>What plans say of intermediate results, and that each rewrite they advise gives the same rows and moves less.</summary>
public sealed class PlanAdviceTests : ClusterTest, IClassFixture<PlanTables>
{
    public PlanAdviceTests(ClusterFixture cluster, PlanTables tables) : base(cluster)
    {
        _ = tables;
        Shell["setting"] = new Hashtable { ["search_path"] = "woodgrove_plans, woodgrove_tenant, public" };
    }

    /// <summary>A query, what the advice for it says, and the query rewritten as it says.</summary>
    public static TheoryData<string, string, string, string> Rewrites => new()
    {
        {
            "SELECT user_id FROM payment_users UNION SELECT user_id FROM payment_events", "IntermediateResultMoved",
            "SELECT * FROM (… UNION …) u",
            "SELECT * FROM (SELECT user_id FROM payment_users UNION SELECT user_id FROM payment_events) u"
        },
        {
            "SELECT merchant_id FROM payment_events UNION SELECT merchant_id FROM merchant_totals", "IntermediateResultMoved",
            "Write SELECT DISTINCT in each branch of the UNION",
            "SELECT DISTINCT merchant_id FROM payment_events UNION SELECT DISTINCT merchant_id FROM merchant_totals"
        },
        {
            "SELECT event_type FROM payment_events EXCEPT SELECT login FROM payment_users", "IntermediateResultMoved",
            "Write SELECT DISTINCT in each branch of the EXCEPT",
            "SELECT DISTINCT event_type FROM payment_events EXCEPT SELECT DISTINCT login FROM payment_users"
        },
        {
            "SELECT m.name, count(e.event_id) FROM payment_merchants m LEFT JOIN payment_events e USING (merchant_id) GROUP BY 1",
            "IntermediateResultMoved",
            "… FROM payment_merchants LEFT JOIN (SELECT merchant_id, count(*) AS n FROM payment_events GROUP BY merchant_id) s ON "
                + "s.merchant_id = payment_merchants.merchant_id, with coalesce(s.n, 0)",
            "SELECT name, coalesce(s.n, 0) FROM payment_merchants LEFT JOIN (SELECT merchant_id, "
                + "count(*) AS n FROM payment_events GROUP BY merchant_id) s ON s.merchant_id = payment_merchants.merchant_id"
        },
        {
            "SELECT * FROM payment_merchants WHERE merchant_id NOT IN (SELECT merchant_id FROM payment_events WHERE merchant_id < 30)",
            "IntermediateResultMoved", "NOT IN (SELECT DISTINCT …)",
            "SELECT * FROM payment_merchants WHERE merchant_id NOT IN (SELECT DISTINCT merchant_id FROM payment_events WHERE merchant_id "
                + "< 30)"
        },
        {
            "SELECT count(*) FROM payment_disputes WHERE user_id IN (SELECT merchant_id FROM payment_events)", "IntermediateResultMoved",
            "write IN (SELECT DISTINCT …)",
            "SELECT count(*) FROM payment_disputes WHERE user_id IN (SELECT DISTINCT merchant_id FROM payment_events)"
        },
        { "WITH m AS MATERIALIZED (SELECT * FROM payment_events) SELECT count(*) FROM m", "IntermediateResultMoved",
            "Leave out MATERIALIZED", "WITH m AS (SELECT * FROM payment_events) SELECT count(*) FROM m" },
        {
            "SELECT count(*) FROM payment_events e JOIN (SELECT user_id FROM payment_users OFFSET 0) d USING (user_id)",
            "IntermediateResultMoved", "Leave out OFFSET 0",
            "SELECT count(*) FROM payment_events e JOIN (SELECT user_id FROM payment_users) d USING (user_id)"
        },
        {
            "WITH c AS (SELECT user_id, event_id FROM payment_events) SELECT count(*) FROM c a JOIN c b ON a.user_id = b.user_id AND "
                + "a.event_id = b.event_id", "IntermediateResultMoved", "WITH c AS NOT MATERIALIZED",
            "WITH c AS NOT MATERIALIZED (SELECT user_id, event_id FROM payment_events) SELECT count(*) FROM c a JOIN c b ON a.user_id = "
                + "b.user_id AND a.event_id = b.event_id"
        },
        {
            "SELECT event_id FROM payment_events ORDER BY event_id LIMIT 10 OFFSET 9000", "DeepOffset",
            "WHERE event_id > <event_id of the last row> ORDER BY event_id, with LIMIT and without OFFSET",
            "SELECT event_id FROM payment_events WHERE event_id > 9000 ORDER BY event_id LIMIT 10"
        },
        {
            "SELECT event_id, user_id FROM payment_events ORDER BY event_id DESC, user_id DESC LIMIT 10 OFFSET 5000", "DeepOffset",
            "WHERE (event_id, user_id) < (<event_id of the last row>, <user_id of the last row>)",
            "SELECT event_id, user_id FROM payment_events WHERE (event_id, user_id) < (5001, "
                + "(SELECT 1 + (5001 * 5001) % 500)) ORDER BY event_id DESC, user_id DESC LIMIT 10"
        },
    };

    [Theory]
    [MemberData(nameof(Rewrites))]
    public void Rewrite_gives_the_same_rows_and_moves_less(string query, string code, string said, string rewritten)
    {
        Cluster.RequireCitus();

        Assert.Contains(said, Fix(query, code, analyze: false), StringComparison.Ordinal);
        Assert.Equal(Rows(query), Rows(rewritten));
        (long before, long after) = (Moved(query), Moved(rewritten));
        Assert.True(after < before, $"{after} bytes moved by the rewritten query, {before} by the query.");
    }

    [Theory]
    [InlineData("NoDistributionFilter", "SELECT * FROM payment_events WHERE merchant_id = 3", "add: AND user_id = <value>;",
        "SELECT * FROM payment_events WHERE merchant_id = 3 AND user_id = 5")]
    [InlineData("DistributionColumnExpression", "SELECT * FROM payment_events WHERE user_id::text = '5'",
        "WHERE user_id = <value>::bigint.", "SELECT * FROM payment_events WHERE user_id = 5::bigint")]
    [InlineData("RowsPulledForAggregate", "SELECT avg(DISTINCT merchant_id) FROM payment_events",
        "SELECT avg(x) FROM (SELECT DISTINCT x FROM …) s", "SELECT avg(x) FROM (SELECT DISTINCT merchant_id AS x FROM payment_events) s")]
    [InlineData("PulledToCoordinator", "SELECT merchant_id, count(*), string_agg(event_type, ',' ORDER BY event_id) FROM payment_events "
        + "GROUP BY 1", "Leave out string_agg", "SELECT merchant_id, count(*) FROM payment_events GROUP BY 1")]
    [InlineData("InsertSelectNotPushedDown", "INSERT INTO user_events (user_id, event_count) SELECT merchant_id, count(*) FROM "
        + "payment_events GROUP BY 1", "Select payment_events.user_id for user_events.user_id",
        "INSERT INTO user_events (user_id, event_count) SELECT user_id, count(*) FROM payment_events GROUP BY 1")]
    public void Advice_that_is_followed_is_not_given_again(string code, string query, string said, string rewritten)
    {
        Cluster.RequireCitus();

        Assert.Contains(said, Fix(query, code, analyze: false), StringComparison.Ordinal);
        Assert.DoesNotContain(Advice(Plan(rewritten, analyze: false)), a => (string)a.Get("Code")! == code);
    }

    [Theory]
    [InlineData("SELECT count(*) FROM payment_events WHERE user_id IN (VALUES (5::bigint), (6))", "user_id IN (5::bigint, 6)", 2)]
    [InlineData("SELECT count(*) FROM payment_events WHERE user_id IN (SELECT 5 UNION SELECT 6)", "user_id IN (5, 6)", 2)]
    [InlineData("SELECT count(*) FROM payment_events WHERE user_id IN (VALUES ('5'::bigint), (NULL))", "user_id IN ('5'::bigint, null)", 1)]
    public void List_in_place_of_a_subquery_of_constants_prunes_shards(string query, string list, int tasks)
    {
        Cluster.RequireCitus();

        if (Cluster.PostgresMajor >= 18 && (int)Plan(query, analyze: false).Get("TaskCount")! <= tasks)
            Assert.Skip("needs PostgreSQL 17 or older, which does not make a list of VALUES by itself");
        string fix = Fix(query, "ValuesNotInList", analyze: false);
        string rewritten = query[..query.IndexOf("user_id IN", StringComparison.Ordinal)]
            + fix[fix.IndexOf("user_id IN", StringComparison.Ordinal)..].TrimEnd('.');

        Assert.EndsWith(list, rewritten, StringComparison.Ordinal);
        Assert.Equal(Rows(query), Rows(rewritten));
        Assert.InRange((int)Plan(rewritten, analyze: false).Get("TaskCount")!, 1, tasks);
    }

    [Fact]
    public void Create_table_as_is_said_to_make_a_local_table_and_its_fix_distributes_it()
    {
        Cluster.RequireCitus();
        string table = Cluster.NewName("made");
        string query = $"CREATE TABLE {table} AS SELECT user_id, count(*) AS n FROM payment_events GROUP BY 1";
        Assert.Contains(Sentences(query), s => s.StartsWith($"{table} becomes a local table", StringComparison.Ordinal));

        string fix = Fix(query, "LocalTableCreated", analyze: false);
        Cluster.AtEnd($"DROP TABLE IF EXISTS woodgrove_plans.{table}");
        foreach (string statement in fix.Split("; ")) Shell.Run($"Invoke-CitusQuery \"{statement}\" -Setting $setting").Succeeded();

        Assert.Equal("user_id", Cluster.Scalar("SELECT column_to_column_name(logicalrelid, "
            + $"partkey) FROM pg_dist_partition WHERE logicalrelid = 'woodgrove_plans.{table}'::regclass"));
        Assert.Equal(Cluster.Scalar("SELECT count(DISTINCT user_id) FROM woodgrove_plans.payment_events"),
            Cluster.Scalar($"SELECT count(*) FROM woodgrove_plans.{table}"));
    }

    [Theory]
    [InlineData("SELECT merchant_id, count(*) FROM payment_events GROUP BY 1 HAVING count(*) > (SELECT avg(n) FROM (SELECT merchant_id, "
        + "count(*) AS n FROM payment_events GROUP BY 1) s)", "It reads only the result of part 1", "can hold for no row")]
    [InlineData("WITH c AS (SELECT merchant_id, count(*) AS n FROM payment_events GROUP BY 1) SELECT * FROM c WHERE n > (SELECT avg(n) "
        + "FROM c)", "It reads only the result of part 1", "can hold for no row")]
    [InlineData("SELECT m.name, count(e.event_id) FROM payment_merchants m LEFT JOIN payment_events e USING (merchant_id) GROUP BY 1",
        " groups and aggregates alone, over all rows that the parts brought to it", "finished on the workers")]
    [InlineData("SELECT m.name, e.event_id FROM payment_merchants m LEFT JOIN payment_events e USING (merchant_id)",
        "together with the results of the parts; no shard is asked again", "its node was sent")]
    [InlineData("SELECT * FROM payment_merchants WHERE merchant_id NOT IN (SELECT merchant_id FROM payment_events)",
        "together with the results of the parts", "its node was sent")]
    [InlineData("SELECT name, count(*) FROM payment_merchants GROUP BY 1", "groups and aggregates them alone", "finished on the workers")]
    [InlineData("SELECT * FROM payment_events WHERE user_id IS NULL", "in which Citus lets no row be NULL", "receives")]
    [InlineData("SELECT count(*) FROM payment_events WHERE user_id = 5 AND user_id = 6", "The condition can hold for no row",
        "return every row")]
    [InlineData("SELECT merchant_id, count(*), string_agg(event_type, ',' ORDER BY event_id) FROM payment_events GROUP BY 1",
        "string_agg(… ORDER BY …) can't be merged from parts", "count can't")]
    public void Explanation_says_what_happens(string query, string said, string unsaid)
    {
        Cluster.RequireCitus();
        // PostgreSQL 17 and later plan IS NULL of a NOT NULL column as a condition that is never true.
        if (Cluster.PostgresMajor >= 17 && query.Contains("IS NULL", StringComparison.Ordinal)) said = "The condition can hold for no row";
        foreach (bool analyze in new[] { false, true })
        {
            string[] sentences = Sentences(query, analyze);
            Assert.Contains(sentences, s => s.Contains(said, StringComparison.Ordinal));
            Assert.DoesNotContain(sentences, s => s.Contains(unsaid, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("SELECT * FROM payment_events WHERE user_id = 5 AND user_id = 6")]
    [InlineData("SELECT count(*) FROM payment_events WHERE user_id = 5 AND user_id = 6")]
    [InlineData("SELECT * FROM payment_events WHERE user_id IS NULL")]
    public void What_holds_for_no_row_moves_nothing(string query)
    {
        Cluster.RequireCitus();
        PSObject plan = Plan(query, analyze: false);
        Assert.Equal(0L, plan.Get("MovedBytes"));
        Assert.NotEqual("PulledToCoordinator", plan.Get("Aggregation")!.ToString());
        Assert.Equal(0L, Moved(query));
    }

    [Theory]
    [InlineData("SELECT count(*) FROM payment_events WHERE EXISTS (SELECT 1 FROM payment_disputes LIMIT 1)")]
    [InlineData("SELECT * FROM payment_events WHERE user_id = (SELECT max(user_id) FROM payment_users)")]
    [InlineData("SELECT a, b, sum(n) FROM (SELECT event_type a, merchant_id b, count(*) AS n FROM payment_events GROUP BY 1, "
        + "2 OFFSET 0) s GROUP BY CUBE (a, b)")]
    [InlineData("SELECT user_id FROM payment_users UNION ALL SELECT user_id FROM payment_events")]
    public void No_advice_where_little_moves_or_nothing_would_move_less(string query)
    {
        Cluster.RequireCitus();
        Assert.DoesNotContain(Advice(Plan(query, analyze: false)), a => (string)a.Get("Code")! == "IntermediateResultMoved");
    }

    [Theory]
    [InlineData(false, "(estimated)")]
    [InlineData(true, "(measured)")]
    public void Advice_says_which_part_moved_how_much_and_how_that_is_known(bool analyze, string how)
    {
        Cluster.RequireCitus();
        object advice = Advice(Plan("WITH m AS MATERIALIZED (SELECT * FROM payment_events) SELECT count(*) FROM m", analyze))
            .Single(a => (string)a.Get("Code")! == "IntermediateResultMoved");
        string message = (string)advice.Get("Message")!;
        Assert.StartsWith("Part 1 runs first, because it is a CTE that is MATERIALIZED.", message, StringComparison.Ordinal);
        Assert.EndsWith($"bytes come to the coordinator {how}.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Merge_is_said_to_send_its_rows_to_shards_and_they_are_counted_as_moved()
    {
        Cluster.RequireCitus();
        PSObject plan = Plan("MERGE INTO merchant_totals t USING (SELECT merchant_id, count(*) AS n FROM payment_events GROUP BY 1) s ON "
            + "t.merchant_id = s.merchant_id WHEN MATCHED THEN UPDATE SET events = s.n", analyze: false);
        string[] sentences = [.. ((IEnumerable)plan.Get("Explanation")!).Cast<string>()];
        Assert.DoesNotContain(sentences, s => s.Contains("no shard is asked again", StringComparison.Ordinal));
        Assert.Contains("The coordinator sends the rows out again, to the shards of merchant_totals.", sentences);
        object sent = ((IEnumerable)plan.Get("Movements")!).Cast<object>().Single(m => m.Get("Kind")!.ToString() == "RowsToTarget");
        Assert.True((long)sent.Get("Bytes")! > 0);
        Assert.DoesNotContain(Advice(plan), a => ((string)a.Get("Fix")!).Contains("LIMIT", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("SELECT count(*) FROM payment_events e JOIN merchant_totals t ON e.merchant_id = t.merchant_id",
        "only the rows of payment_events are re-hashed and moved", "the rows of payment_events between the workers (single repartition")]
    [InlineData("SELECT count(*) FROM payment_events e JOIN payment_disputes d ON e.event_id = d.event_id",
        "the rows of both sides are moved", "(dual repartition: both sides move)")]
    public void Repartition_join_says_which_side_moves(string query, string said, string advised)
    {
        Cluster.RequireCitus();
        foreach (string name in new[] { "citus.enable_repartition_joins", "citus.enable_single_hash_repartition_joins" })
            ((Hashtable)Shell["setting"]!)[name] = "on";
        PSObject plan = Plan(query, analyze: false);
        Assert.Contains(((IEnumerable)plan.Get("Explanation")!).Cast<string>(), s => s.Contains(said, StringComparison.Ordinal));
        Assert.Contains(Advice(plan), a => ((string)a.Get("Message")!).Contains(advised, StringComparison.Ordinal));
    }

    [Fact]
    public void Window_advice_says_that_the_result_changes()
    {
        Cluster.RequireCitus();
        Assert.Contains("That changes the result",
            Fix("SELECT event_id, row_number() OVER (PARTITION BY merchant_id ORDER BY created_at) FROM payment_events",
                "PulledToCoordinator", analyze: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Recursion_over_constants_is_told_apart_and_runs_as_advised()
    {
        Cluster.RequireCitus();
        const string Recursion = "WITH RECURSIVE n AS (SELECT 1::bigint AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT";
        Shell["query"] = $"{Recursion} count(*) FROM payment_events JOIN n ON i = merchant_id";
        ErrorRecord refused = Shell.Run("Get-CitusQueryPlan $query -Setting $setting").Failed("CitusRecursiveCte");
        Assert.Contains("reads no table", refused.Exception.Message, StringComparison.Ordinal);

        Assert.Equal(["1250"], Rows($"WITH r AS MATERIALIZED ({Recursion} * FROM n) SELECT count(*) FROM payment_events JOIN r ON i = "
            + "merchant_id"));
        Assert.Contains(Sentences($"{Recursion} * FROM n"), s => s.StartsWith("The query reads no table", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("TRUNCATE payment_events", "DELETE FROM")]
    [InlineData("CALL some_procedure()", "statements of the procedure")]
    [InlineData("COPY (SELECT 1) TO STDOUT", "the query in the parentheses")]
    [InlineData("COPY payment_events TO STDOUT", "SELECT * FROM")]
    [InlineData("VACUUM payment_events", "Get-CitusActivity")]
    [InlineData("EXPLAIN SELECT 1", "without EXPLAIN")]
    [InlineData("PREPARE p AS SELECT $1", "behind AS")]
    [InlineData("ALTER TABLE payment_events ADD COLUMN x int", "SELECT, INSERT")]
    public void Statement_without_a_plan_is_told_what_to_ask_for(string statement, string otherwise)
    {
        Cluster.Require();
        Shell["query"] = statement;
        Assert.Contains(otherwise, Shell.Run("Get-CitusQueryPlan $query").Failed("CitusNoPlan").Exception.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SELECT 1 FROM pg_class WHERE oid = @id", "@id", "id = <value>")]
    [InlineData("SELECT 1 FROM pg_class WHERE relname = @name AND oid = @id", "@name and @id", "name = <value>; id = <value>")]
    public void Parameter_without_a_value_is_named(string query, string named, string fix)
    {
        Cluster.Require();
        Shell["query"] = query;
        string message = Shell.Run("Get-CitusQueryPlan $query").Failed("CitusParameterMissing").Exception.Message;
        Assert.Contains(named, message, StringComparison.Ordinal);
        Assert.Contains(fix, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Slip_of_the_pen_stays_a_syntax_error()
    {
        Cluster.Require();
        Shell.Run("Get-CitusQueryPlan 'SELEC 1'").Failed("CitusSyntaxError");
        Shell.Run("Get-CitusQueryPlan 'SELECT FROM WHERE'").Failed("CitusSyntaxError");
    }

    private PSObject Plan(string query, bool analyze)
    {
        Shell["query"] = query;
        return Shell.Run($"Get-CitusQueryPlan $query -Setting $setting{(analyze ? " -Analyze" : "")}").Single;
    }

    private static IEnumerable<object> Advice(PSObject plan) => ((IEnumerable)plan.Get("Advice")!).Cast<object>();

    private string Fix(string query, string code, bool analyze) =>
        (string)Advice(Plan(query, analyze)).Single(a => (string)a.Get("Code")! == code).Get("Fix")!;

    private string[] Sentences(string query, bool analyze = false) =>
        [.. ((IEnumerable)Plan(query, analyze).Get("Explanation")!).Cast<string>()];

    private long Moved(string query) => (long)Plan(query, analyze: true).Get("MovedBytes")!;

    /// <summary>The rows as text, in an order of their own.</summary>
    private string[] Rows(string query)
    {
        using Npgsql.NpgsqlConnection session = Cluster.Database.OpenConnection();
        using var command = new Npgsql.NpgsqlCommand("SET search_path TO woodgrove_plans, woodgrove_tenant, public", session);
        command.ExecuteNonQuery();
        command.CommandText = query;
        using Npgsql.NpgsqlDataReader row = command.ExecuteReader();
        var rows = new List<string>();
        while (row.Read()) rows.Add(string.Join('|', Enumerable.Range(0, row.FieldCount).Select(i => row.GetValue(i))));
        return [.. rows.Order(StringComparer.Ordinal)];
    }
}
