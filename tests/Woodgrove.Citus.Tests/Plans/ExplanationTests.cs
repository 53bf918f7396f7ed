using System.Collections;
using System.Management.Automation;
using System.Text.Json;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Plans;

/// <summary>What an explanation says is compared with what EXPLAIN ANALYZE counted, for many queries.</summary>
public sealed class ExplanationTests : ClusterTest, IClassFixture<PlanTables>
{
    public ExplanationTests(ClusterFixture cluster, PlanTables tables) : base(cluster)
    {
        _ = tables;
        Shell["setting"] = new Hashtable { ["search_path"] = "woodgrove_plans, woodgrove_tenant, public" };
    }

    /// <summary>Subqueries, CTEs, set operations, reference tables and windows, beside those of queries.json.</summary>
    private static readonly string[] More =
    [
        "SELECT merchant_id, count(*) FROM payment_events GROUP BY 1 HAVING count(*) > (SELECT avg(n) FROM (SELECT merchant_id, "
            + "count(*) AS n FROM payment_events GROUP BY 1) s)",
        "SELECT merchant_id, count(*) FROM payment_events GROUP BY 1 HAVING count(*) >= (SELECT max(n) FROM (SELECT merchant_id, "
            + "count(*) AS n FROM payment_events GROUP BY 1) s)",
        "WITH c AS (SELECT merchant_id, count(*) AS n FROM payment_events GROUP BY 1) SELECT * FROM c WHERE n > (SELECT avg(n) FROM c)",
        "WITH c AS (SELECT merchant_id, count(*) AS n FROM payment_events GROUP BY 1), d AS (SELECT avg(n) AS a FROM c), "
            + "e AS (SELECT max(a) AS m FROM d) SELECT c.* FROM c, e WHERE n > m",
        "WITH c AS MATERIALIZED (SELECT user_id FROM payment_users LIMIT 20) SELECT count(*) FROM c WHERE user_id IN (SELECT user_id "
            + "FROM c)",
        "SELECT m.name, e.event_id FROM payment_merchants m LEFT JOIN payment_events e USING (merchant_id)",
        "SELECT m.name, count(e.event_id) FROM payment_merchants m LEFT JOIN payment_events e USING (merchant_id) GROUP BY 1",
        "SELECT m.name, e.event_id FROM payment_events e RIGHT JOIN payment_merchants m USING (merchant_id)",
        "SELECT m.name FROM payment_merchants m FULL JOIN payment_events e USING (merchant_id)",
        "SELECT e.event_id, m.name FROM payment_events e LEFT JOIN payment_merchants m USING (merchant_id)",
        "SELECT * FROM payment_merchants WHERE merchant_id NOT IN (SELECT merchant_id FROM payment_events)",
        "SELECT * FROM payment_merchants WHERE merchant_id IN (SELECT merchant_id FROM payment_events)",
        "SELECT count(*) FROM payment_events WHERE merchant_id NOT IN (SELECT merchant_id FROM payment_merchants)",
        "SELECT name, count(*) FROM payment_merchants GROUP BY 1",
        "SELECT DISTINCT url FROM payment_merchants",
        "SELECT count(*), rank() OVER (ORDER BY url) FROM payment_merchants GROUP BY url",
        "WITH m AS MATERIALIZED (SELECT * FROM payment_merchants) SELECT count(*) FROM m",
        "SELECT * FROM payment_events WHERE user_id = 5 AND user_id = 6",
        "SELECT count(*) FROM payment_events WHERE user_id = 5 AND user_id = 6",
        "SELECT count(*) FROM payment_events WHERE false",
        "SELECT * FROM payment_events WHERE user_id IS NULL",
        "SELECT * FROM payment_events WHERE user_id IS NULL AND event_id > 5",
        "SELECT * FROM payment_events WHERE (user_id IS NULL OR event_id = 5)",
        "SELECT count(*) FROM payment_events WHERE EXISTS (SELECT 1 FROM payment_disputes LIMIT 1)",
        "SELECT user_id FROM payment_users UNION SELECT user_id FROM payment_events",
        "SELECT user_id FROM payment_users UNION ALL SELECT user_id FROM payment_events",
        "SELECT user_id FROM payment_users EXCEPT SELECT user_id FROM payment_events",
        "SELECT user_id FROM payment_users INTERSECT SELECT user_id FROM payment_events",
        "SELECT merchant_id FROM payment_events UNION SELECT merchant_id FROM payment_merchants",
        "SELECT merchant_id FROM payment_merchants UNION SELECT merchant_id FROM payment_merchants",
        "(SELECT user_id FROM payment_users UNION SELECT user_id FROM payment_events) ORDER BY 1 LIMIT 5",
        "SELECT count(*) FROM (SELECT merchant_id FROM payment_events EXCEPT SELECT merchant_id FROM payment_merchants) s",
        "SELECT count(*) FROM payment_events WHERE user_id IN (VALUES (5::bigint), (6))",
        "SELECT count(*) FROM payment_events WHERE user_id IN (SELECT 5 UNION SELECT 6)",
        "SELECT * FROM payment_events WHERE user_id = (SELECT max(user_id) FROM payment_users)",
        "SELECT * FROM payment_events WHERE event_id > (SELECT avg(event_id) FROM payment_events)",
        "SELECT user_id, event_id, row_number() OVER (PARTITION BY merchant_id ORDER BY created_at) FROM payment_events",
        "SELECT user_id, sum(count(*)) OVER (PARTITION BY user_id) FROM payment_events GROUP BY user_id",
        "SELECT * FROM (SELECT user_id, row_number() OVER (PARTITION BY user_id ORDER BY created_at) AS n FROM payment_events) s WHERE n "
            + "= 1",
        "SELECT * FROM (SELECT merchant_id, row_number() OVER (PARTITION BY merchant_id ORDER BY created_at) AS n FROM payment_events) s "
            + "WHERE n = 1",
        "SELECT m.name, s.n FROM payment_merchants m JOIN (SELECT merchant_id, count(*) AS n FROM payment_events GROUP BY 1) s USING "
            + "(merchant_id)",
        "SELECT m.name, coalesce(s.n, 0) FROM payment_merchants m LEFT JOIN (SELECT merchant_id, "
            + "count(*) AS n FROM payment_events GROUP BY 1) s USING (merchant_id)",
        "SELECT a, b, sum(n) FROM (SELECT event_type a, merchant_id b, count(*) AS n FROM payment_events GROUP BY 1, "
            + "2 OFFSET 0) s GROUP BY CUBE (a, b)",
        "SELECT g, count(*) FROM generate_series(1, 10) g LEFT JOIN payment_events e ON e.merchant_id = g GROUP BY 1",
        "SELECT count(*) FROM generate_series(1, 10) g JOIN payment_events e ON e.merchant_id = g",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
        "WITH m AS MATERIALIZED (SELECT * FROM payment_events) SELECT count(*) FROM m",
        "SELECT event_id FROM payment_events ORDER BY event_id LIMIT 10 OFFSET 9000",
        "SELECT merchant_id, count(*), string_agg(event_type, ',' ORDER BY event_id) FROM payment_events GROUP BY 1",
        "SELECT array_agg(event_id ORDER BY event_id) FROM payment_events",
    ];

    public static TheoryData<string> Queries =>
    [
        .. More.Concat(JsonDocument.Parse(System.IO.File.ReadAllText(PlanTables.Path("queries.json"))).RootElement.EnumerateArray()
            .Where(q => !q.TryGetProperty("refused", out _) && !q.TryGetProperty("setting", out _))
            .Select(q => q.GetProperty("query").GetString()!)
            // Citus can't run corr under ANALYZE, and calls a distributed function itself in ANALYZE's transaction.
            .Where(q => !q.Contains("corr(", StringComparison.Ordinal) && !q.Contains("events_of(", StringComparison.Ordinal))
            .Where(q => q.StartsWith("SELECT", StringComparison.Ordinal) || q.StartsWith("WITH", StringComparison.Ordinal))).Distinct(),
    ];

    [Fact]
    public void Queries_with_subplans_set_operations_reference_joins_and_windows_are_among_them()
    {
        string[] queries = [.. Queries.Select(q => q.Data)];
        Assert.True(queries.Length >= 60, $"{queries.Length} queries");
        foreach (string kind in new[] { "WITH ", " UNION ", " EXCEPT ", " INTERSECT ", "payment_merchants", "OVER (", "IN (SELECT" })
            Assert.True(queries.Count(q => q.Contains(kind, StringComparison.Ordinal)) >= 1, kind);
    }

    [Theory]
    [MemberData(nameof(Queries))]
    public void Explanation_agrees_with_what_was_counted(string query)
    {
        Cluster.RequireCitus();
        Shell["query"] = query;
        PSObject told = Shell.Run("Get-CitusQueryPlan $query -Setting $setting").Single;
        RunResult run = Shell.Run("Get-CitusQueryPlan $query -Setting $setting -Analyze");
        if (run.Errors.Count > 0)
        {
            run.Failed("CitusAnalyzeNotSupported");
            return;
        }
        PSObject counted = run.Single;

        foreach (PSObject plan in new[] { told, counted })
        {
            string[] sentences = [.. ((IEnumerable)plan.Get("Explanation")!).Cast<string>()];
            bool Says(string text) => sentences.Any(s => s.Contains(text, StringComparison.Ordinal));
            object[] fragments = [.. AllFragments(plan)];
            bool readsShards = fragments.Any(f => Shards(f).Any(t => t is not ("payment_merchants" or "currencies")));
            long received = Received(counted);

            if (Says("can hold for no row")) Assert.Equal(0L, received);
            if (Says("in which Citus lets no row be NULL")) Assert.InRange(received, 0, 0);
            if (Says("finished on the workers"))
                Assert.True(readsShards, "Groups are said to be finished on workers, of a query that reads no shard of a distributed "
                    + "table.");
            if (Says("no shard is asked again"))
                Assert.DoesNotContain(OwnFragments(plan), f => Shards(f).Any(t => t is not ("payment_merchants" or "currencies")));
            if (Says("It reads only the result")) Assert.NotEmpty((IEnumerable)plan.Get("Subplans")!);
            if (Says("its node was sent")) Assert.Contains(OwnFragments(plan), f => Shards(f).Any());
            if (plan.Get("Aggregation")!.ToString() == "PulledToCoordinator")
                Assert.True(received > 0, "Rows are said to be pulled, and nothing was received.");
        }
        AssertAsExplained(query, counted);
        // What is estimated to move is what moved, part by part; an empty result apart, which only a run can show.
        foreach (string movement in Kinds(counted, over: 0)) Assert.Contains(movement, Kinds(told, over: -1));
        foreach (string movement in Kinds(told, over: 0)) Assert.Contains(movement, Kinds(counted, over: -1));
    }

    /// <summary>Compares with what the server's own EXPLAIN ANALYZE says: bytes that came from the nodes, and who aggregated.</summary>
    private void AssertAsExplained(string query, PSObject counted)
    {
        using NpgsqlConnection session = Cluster.Database.OpenConnection();
        using var command = new NpgsqlCommand("SET search_path TO woodgrove_plans, woodgrove_tenant, public", session);
        command.ExecuteNonQuery();
        command.CommandText = $"EXPLAIN (ANALYZE, FORMAT JSON) {query}";
        using JsonDocument explained = JsonDocument.Parse((string)command.ExecuteScalar()!);
        JsonElement plan = explained.RootElement[0].GetProperty("Plan");

        // The server rounds, and numbers with many digits differ from one run to the next by some bytes.
        long bytes = Jobs(explained.RootElement[0]).Sum();
        Assert.InRange(Received(counted), bytes * 0.98 - 1024, bytes * 1.02 + 1024);
        string[] coordinator = [.. Steps(plan)];
        string aggregation = counted.Get("Aggregation")!.ToString()!;
        // Where the query reads results of parts alone, the coordinator runs it as a fragment of its own.
        if (aggregation is "PulledToCoordinator" or "Partial" && coordinator is not ["Custom Scan"]) Assert.Contains("Aggregate", coordinator);
        if (aggregation == "Pushdown") Assert.DoesNotContain("Aggregate", coordinator);
    }

    /// <summary>The bytes of each job of the query and of its subplans; what the coordinator gives itself does not move.</summary>
    private IEnumerable<long> Jobs(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object when element.TryGetProperty("Tuple data received from nodes", out JsonElement size)
            && element.TryGetProperty("Tasks", out JsonElement tasks) => Jobs(tasks).Prepend(tasks.EnumerateArray().All(t =>
                IsCoordinator(t.GetProperty("Node").GetString()!)) ? 0
                    : Size(size.GetString()!.Split(' '))),
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => Jobs(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Jobs),
        _ => [],
    };

    private bool IsCoordinator(string node) => node.StartsWith("host=localhost ", StringComparison.Ordinal)
        || node.Contains($" port={Cluster.Connection.Get("Port")} ", StringComparison.Ordinal);

    private static long Size(string[] text) => long.Parse(text[0], System.Globalization.CultureInfo.InvariantCulture)
        * text[1] switch { "bytes" => 1, "kB" => 1024, "MB" => 1024 * 1024, _ => throw new FormatException(text[1]) };

    /// <summary>The steps on the coordinator, those of subplans apart.</summary>
    private static IEnumerable<string> Steps(JsonElement node) => (node.TryGetProperty("Plans", out JsonElement below)
        ? below.EnumerateArray().SelectMany(Steps) : []).Prepend(node.GetProperty("Node Type").GetString()!);

    private static string[] Kinds(PSObject plan, long over) =>
        [.. ((IEnumerable)plan.Get("Movements")!).Cast<object>().Where(m => (long)m.Get("Bytes")! > over)
            .Select(m => $"{m.Get("Kind")} of {m.Get("Part") ?? "the query"}").Distinct()];

    private static long Received(PSObject plan) =>
        ((IEnumerable)plan.Get("Movements")!).Cast<object>().Where(m => m.Get("Kind")!.ToString() == "FragmentResult")
            .Sum(m => (long)m.Get("Bytes")!);

    private static IEnumerable<object> OwnFragments(object plan) => ((IEnumerable)plan.Get("Fragments")!).Cast<object>();

    private static IEnumerable<object> AllFragments(object plan) =>
        OwnFragments(plan).Concat(((IEnumerable)plan.Get("Subplans")!).Cast<object>().SelectMany(AllFragments));

    private static IEnumerable<string> Shards(object fragment) =>
        ((IEnumerable)fragment.Get("Shards")!).Cast<object>().Select(s => (string)s.Get("Table")!);
}
