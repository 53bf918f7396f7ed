using System.Collections;
using System.Management.Automation;
using System.Text.Json;
using Woodgrove.Citus.Tests.Activity;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Plans;

public sealed class QueryPlanTests : ClusterTest, IClassFixture<PlanTables>
{
    public QueryPlanTests(ClusterFixture cluster, PlanTables tables) : base(cluster)
    {
        _ = tables;
        Shell["setting"] = new Hashtable { ["search_path"] = "woodgrove_plans, woodgrove_tenant, public" };
    }

    /// <summary>The queries of queries.json, by their numbers, so that the names of tests stay short.</summary>
    public static TheoryData<int, string> Queries
    {
        get
        {
            var data = new TheoryData<int, string>();
            for (int i = 0; i < All.Length; i++) data.Add(i, All[i].Query);
            return data;
        }
    }

    private static readonly ExpectedPlan[] All = JsonSerializer.Deserialize<ExpectedPlan[]>(
        System.IO.File.ReadAllText(PlanTables.Path("queries.json")), JsonSerializerOptions.Web)!;

    /// <param name="JoinsFrom18">What joins is from PostgreSQL 18 on, whose planner removes self-joins on a key.</param>
    private sealed record ExpectedPlan(
        string Query, Dictionary<string, string>? Setting, string? Execution, string? Aggregation, string? Joins, string? Refused,
        string? Advice, string? Without, string? JoinsFrom18);

    [Theory]
    [MemberData(nameof(Queries))]
    public void Query_is_planned_as_expected(int number, string query)
    {
        Cluster.RequireCitus();
        ExpectedPlan expected = All[number];
        foreach ((string name, string value) in expected.Setting ?? []) ((Hashtable)Shell["setting"]!)[name] = value;
        Shell["query"] = query;
        RunResult result = Shell.Run("Get-CitusQueryPlan $query -Setting $setting");
        if (expected.Refused is { } errorId)
        {
            result.Failed(errorId);
            return;
        }
        PSObject plan = result.Single;
        string? joins = Cluster.PostgresMajor >= 18 && expected.JoinsFrom18 is { } without ? without : expected.Joins;
        Assert.Equal($"{expected.Execution} / {expected.Aggregation} / {joins}",
            $"{plan.Get("Execution")} / {plan.Get("Aggregation")} / {plan.Get("Joins")}");
        string[] codes = [.. ((IEnumerable)plan.Get("Advice")!).Cast<object>().Select(a => (string)a.Get("Code")!)];
        if (expected.Advice is { } drawn) Assert.Contains(drawn, codes);
        if (expected.Without is { } not) Assert.DoesNotContain(not, codes);
        Assert.NotEmpty((IEnumerable)plan.Get("Explanation")!);
    }

    [Theory]
    [InlineData("WITH gone AS (DELETE FROM payment_events WHERE user_id = 5 RETURNING *) INSERT INTO user_events (user_id, "
        + "event_count) SELECT user_id, 1 FROM gone", "The coordinator sends the rows out again, to the shards of user_events.")]
    [InlineData("WITH gone AS (DELETE FROM payment_events WHERE user_id = 5 RETURNING *) INSERT INTO user_events (user_id, "
        + "event_count) SELECT user_id, 1 FROM gone", "then Delete payment_events_")]
    [InlineData("INSERT INTO payment_merchants SELECT merchant_id, 'x', 'y' FROM merchant_totals",
        "to the copy of payment_merchants on every node.")]
    [InlineData("SELECT event_id FROM payment_events WHERE user_id = (SELECT max(user_id) FROM payment_users)",
        "does not set user_id equal to a value that is known when it is planned.")]
    [InlineData("SELECT max(user_id) FROM payment_users", "The coordinator merges the partial aggregates.")]
    [InlineData("SELECT * FROM settings_a WHERE k = 5",
        "All of settings_a lies in one shard, because it is distributed without a column: settings_a_")]
    [InlineData("SELECT count(*) FROM settings_a JOIN settings_b USING (k)", "lie on that node, so no row travels for the join.")]
    [InlineData("SELECT * FROM one_shard WHERE v = 'x'", "one_shard has one shard, one_shard_")]
    [InlineData("SELECT events_of(5::bigint)", "The function is distributed, and its call is passed unchanged to 127.0.0.1:")]
    public void Explanation_is_true(string query, string said)
    {
        Cluster.RequireCitus();
        Shell["query"] = query;
        Assert.Contains(((IEnumerable)Shell.Run("Get-CitusQueryPlan $query -Setting $setting").Single.Get("Explanation")!).Cast<string>(),
            s => s.Contains(said, StringComparison.Ordinal));
    }

    [Fact]
    public void A_statement_that_has_no_plan_is_told_so()
    {
        string view = Cluster.NewName("view");
        Cluster.Execute($"CREATE MATERIALIZED VIEW {view} AS SELECT 1 AS n");
        Cluster.AtEnd($"DROP MATERIALIZED VIEW {view}");

        Shell.Run($"Get-CitusQueryPlan 'REFRESH MATERIALIZED VIEW {view}'").Failed("CitusNoPlan");
    }

    [Fact]
    public void A_node_that_could_not_be_asked_is_named_as_the_catalogs_have_it()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("id bigint", "id");
        using var bystander = new Activity.Bystander(Cluster, everywhere: false);
        Cluster.Execute($"GRANT SELECT ON {table} TO {bystander.Name}");

        PSObject plan = Shell.Run($"Get-CitusQueryPlan 'SELECT * FROM {table} WHERE id = 5' -Connection $bystander").Single;

        object node = ((IEnumerable)plan.Get("Nodes")!).Cast<object>().Single();
        Assert.Equal(Cluster.Scalar($"SELECT nodeport FROM citus_shards WHERE shardid = get_shard_id_for_distribution_column('{table}', "
            + "5)"), node.Get("NodePort"));
        Assert.Contains(((IEnumerable)plan.Get("Explanation")!).Cast<string>(),
            s => s.StartsWith($"{node} gave no plan of its own", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("IntermediateResultMoved", "SELECT e.event_id, b.note FROM payment_events e JOIN branch_notes b USING (merchant_id)",
        "SELECT create_reference_table('branch_notes');")]
    [InlineData("IntermediateResultMoved", "WITH gone AS (DELETE FROM payment_events WHERE event_id > 100 RETURNING *) SELECT user_id, "
        + "count(*) FROM gone GROUP BY 1", "A part that changes rows always runs first")]
    [InlineData("RowsPulledForAggregate", "SELECT avg(DISTINCT merchant_id) FROM payment_events",
        "SELECT avg(x) FROM (SELECT DISTINCT x FROM …) s")]
    [InlineData("RowsPulledForAggregate", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY event_id) FROM payment_events", "tdigest")]
    public void Advice_fits_the_query(string code, string query, string fix)
    {
        Cluster.RequireCitus();
        Shell["query"] = query;
        object advice = ((IEnumerable)Shell.Run("Get-CitusQueryPlan $query -Setting $setting").Single.Get("Advice")!).Cast<object>()
            .Single(a => a.Get("Code") is string found && found == code);
        Assert.Contains(fix, (string)advice.Get("Fix")!, StringComparison.Ordinal);
    }

    [Fact]
    public void Parameter_routes_as_a_value_does()
    {
        Cluster.RequireCitus();
        PSObject plan = Shell.Run("Get-CitusQueryPlan 'SELECT * FROM payment_events WHERE user_id = @user' @{ user = 5 } -Setting "
            + "$setting").Single;
        Assert.Equal("Router", plan.Get("Execution")!.ToString());
    }

    [Fact]
    public void Plan_changes_nothing_and_analyze_undoes_what_it_changed()
    {
        Cluster.RequireCitus();
        Shell.Run("Get-CitusQueryPlan 'DELETE FROM payment_users' -Setting $setting").Succeeded();
        PSObject plan = Shell.Run("Get-CitusQueryPlan 'DELETE FROM payment_users' -Setting $setting -Analyze").Single;
        Assert.NotNull(plan.Get("ExecutionTime"));
        Assert.Equal(500L, Cluster.Scalar("SELECT count(*) FROM woodgrove_plans.payment_users"));
    }

    [Fact]
    public void Analyze_counts_times_and_bytes_of_every_node()
    {
        Cluster.RequireCitus();
        PSObject plan = Shell.Run("Get-CitusQueryPlan 'SELECT user_id, count(*) FROM payment_events GROUP BY 1' -Setting $setting "
            + "-Analyze").Single;
        object[] nodes = [.. ((IEnumerable)plan.Get("Nodes")!).Cast<object>()];
        Assert.Equal(8, nodes.Sum(n => (int)n.Get("TaskCount")!));
        Assert.All(nodes, n => Assert.True(n.Get("ExecutionTime") is TimeSpan { Ticks: > 0 } && n.Get("ReceivedBytes") is long and > 0));
    }

    [Fact]
    public void Analyze_keeps_the_pages_that_each_step_used_and_what_planning_and_writing_the_result_took()
    {
        Cluster.RequireCitus();
        PSObject plan = Shell.Run("Get-CitusQueryPlan 'SELECT user_id, event_type FROM payment_events' -Setting $setting -Analyze").Single;
        object[] fragments = [.. ((IEnumerable)plan.Get("Fragments")!).Cast<object>()];
        Assert.All(fragments, f => Assert.InRange((long)f.Get("Plan")!.Get("Buffers")!.Get("SharedHit")!
            + (long)f.Get("Plan")!.Get("Buffers")!.Get("SharedRead")!, 1, 1000));
        Assert.NotNull(plan.Get("CoordinatorPlan")!.Get("Buffers"));
        Assert.NotNull(plan.Get("Planning")!.Get("Buffers"));
        if (Cluster.PostgresMajor < 17)
        {
            Assert.All(fragments, f => Assert.Null(f.Get("Planning")));
            Assert.Null(plan.Get("Serialization"));
            Assert.Null(plan.Get("Planning")!.Get("MemoryBytes"));
            return;
        }
        Assert.All(fragments, f => Assert.NotNull(f.Get("Planning")!.Get("Buffers")));
        Assert.All([plan.Get("Planning")!, .. fragments.Select(f => f.Get("Planning")!)],
            p => Assert.InRange((long)p.Get("MemoryBytes")!, 1024, 10 << 20));
        Assert.InRange((long)plan.Get("Serialization")!.Get("OutputBytes")!, 1024, 10 << 20);
        Assert.IsType<TimeSpan>(plan.Get("Serialization")!.Get("Time"));
    }

    [Fact]
    public void A_plan_of_a_query_that_does_not_run_has_no_pages_and_from_17_on_the_memory_of_planning()
    {
        Cluster.RequireCitus();
        PSObject plan = Shell.Run("Get-CitusQueryPlan 'SELECT user_id, event_type FROM payment_events' -Setting $setting").Single;
        Assert.Null(plan.Get("CoordinatorPlan")!.Get("Buffers"));
        Assert.Null(plan.Get("Serialization"));
        Assert.Equal(Cluster.PostgresMajor >= 17, plan.Get("Planning")?.Get("MemoryBytes") is long and > 0);
    }

    [Fact]
    public void Analyze_of_an_insert_select_that_would_run_and_fail_is_refused()
    {
        Cluster.RequireCitus();
        Shell.Run("Get-CitusQueryPlan 'INSERT INTO user_events SELECT merchant_id, ''x'', event_type, "
            + "1 FROM payment_events' -Setting $setting -Analyze").Failed("CitusAnalyzeNotSupported");
        Shell["query"] = "WITH a AS (INSERT INTO user_events VALUES (1, 'x', 'y', 1) RETURNING *), "
            + "b AS (INSERT INTO merchant_totals SELECT event_count, user_id, 1 FROM a RETURNING *) SELECT * FROM b";
        ErrorRecord error = Shell.Run("Get-CitusQueryPlan $query -Setting $setting -Analyze").Failed("CitusAnalyzeNotSupported");
        Assert.StartsWith("A part of the query would run as InsertSelect", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(0L, Cluster.Scalar("SELECT count(*) FROM woodgrove_plans.user_events"));
    }

    [Fact]
    public void Fragments_are_those_of_all_shards_and_of_parts()
    {
        Cluster.RequireCitus();
        IReadOnlyList<PSObject> fragments = Shell.Get("Get-CitusQueryFragment 'SELECT count(*) FROM payment_events WHERE event_id > "
            + "(SELECT avg(user_id) FROM payment_users)' -Setting $setting");
        Assert.Equal(16, fragments.Count);
        Assert.Equal(16, fragments.Select(f => f.Get("ShardId")).Distinct().Count());
        Assert.Equal("payment_users", fragments[0].Get("Table"));
        Assert.Contains($"payment_users_{fragments[0].Get("ShardId")}", (string)fragments[0].Get("Sql")!);
    }

    [Fact]
    public void Comparison_prefers_the_query_that_moves_less()
    {
        Cluster.RequireCitus();
        PSObject comparison = Shell.Run("Compare-CitusQueryPlan 'SELECT count(DISTINCT merchant_id) FROM payment_events' 'SELECT "
            + "count(DISTINCT user_id) FROM payment_events' -Setting $setting -Analyze").Single;
        Assert.Equal("Difference", comparison.Get("LessData")!.ToString());
        Assert.True((bool)comparison.Get("IsMeasured")!);
        Assert.True((long)comparison.Get("DifferenceBytes")! < (long)comparison.Get("ReferenceBytes")!);
    }

    [Theory]
    [InlineData("Get-CitusQueryPlan 'SELECT 1; DROP TABLE {0}'")]
    [InlineData("Get-CitusQueryPlan 'SELECT @a::int; DROP TABLE {0}' -Parameter @{{ a = 1 }}")]
    [InlineData("Get-CitusQueryPlan 'SELECT 1; DROP TABLE {0}' -Analyze")]
    public void Second_statement_is_refused_and_not_run(string script)
    {
        string table = Cluster.CreateTable("id int");
        Assert.Single(Shell.Run(string.Format(System.Globalization.CultureInfo.InvariantCulture, script, table)).Errors);
        Assert.Equal(0L, Cluster.Count(table));
    }

    [Fact]
    public void Plan_is_shown_with_its_explanation()
    {
        string table = Cluster.CreateTable("id int");
        string screen = Shell.Run($"Get-CitusQueryPlan 'SELECT * FROM {table}' | Out-Host").Succeeded().Screen;
        Assert.Contains("Execution", screen);
        Assert.Contains("1. ", screen);
    }

    [Fact]
    public void Plain_postgres_says_that_it_is_one()
    {
        if (Cluster.IsCitus) Assert.Skip("needs the stand-in; this run's cluster is Citus");
        string table = Cluster.Distribute("id bigint primary key", "id");
        PSObject plan = Shell.Run($"Get-CitusQueryPlan 'SELECT * FROM {table} WHERE id = 5'").Single;
        Assert.Equal("Local", plan.Get("Execution")!.ToString());
        Assert.Contains("plain PostgreSQL", ((IEnumerable)plan.Get("Explanation")!).Cast<string>().First());
    }
}
