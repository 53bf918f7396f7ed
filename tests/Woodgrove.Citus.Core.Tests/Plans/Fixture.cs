using System.Runtime.CompilerServices;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Plans;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Plans.Requests;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Core.Tests.Plans;

/// <summary>What EXPLAIN printed for the queries of explain/README.md, read with the catalogs as they were then.</summary>
internal static class Fixture
{
    private static readonly Dictionary<string, (string Setting, string Query)> Queries = File.ReadLines(Path.Combine(Folder(), "README.md"))
        .Where(l => l.StartsWith("| ", StringComparison.Ordinal) && l.Contains(".json |", StringComparison.Ordinal))
        .Select(l => l.Split('|', StringSplitOptions.TrimEntries)).ToDictionary(c => c[1], c => (c[2], string.Join('|', c[3..^1])));

    private static readonly Dictionary<string, PlanTable> Tables = new[]
    {
        Table(1, "ev", TableKind.Distributed, "tenant_id", 1,
            "tenant_id bigint, id bigint, k integer, v numeric, ts timestamp with time zone"),
        Table(2, "ord", TableKind.Distributed, "tenant_id", 1, "tenant_id bigint, id bigint, country integer, amt numeric"),
        Table(3, "agg", TableKind.Distributed, "tenant_id", 1, "tenant_id bigint, n bigint, s numeric"),
        Table(4, "other", TableKind.Distributed, "oid", 2, "oid bigint, ev_id bigint, x integer"),
        Table(5, "aggk", TableKind.Distributed, "k", 3, "k integer, n bigint"),
        Table(6, "country", TableKind.Reference, null, 4, "id integer, name text"),
        Table(7, "lim", TableKind.Distributed, "tenant_id", 5, "tenant_id integer, cap numeric"),
        Table(8, "loc", TableKind.Local, null, null, "id bigint, t text"),
    }.ToDictionary(t => t.Display);

    public static IEnumerable<string> Names => Queries.Keys;

    /// <summary>The file with what is told of each plan.</summary>
    public static string Advice => Path.Combine(Folder(), "advice.md");

    public static string Query(string file) => Queries[file].Query;

    public static CitusQueryPlan Read(string file, Func<PlanFacts, PlanFacts>? change = null)
    {
        PlanFacts facts = Facts(Queries[file].Query);
        return new PlanReader(change?.Invoke(facts) ?? facts).Read(ExplainDocument.Parse(File.ReadAllText(Path.Combine(Folder(), file))),
            Queries[file].Query);
    }

    /// <summary>The catalogs' answer for a query: the tables that it names, and their shards.</summary>
    public static PlanFacts Facts(string query)
    {
        string[] words = [.. SqlTokens.Read(query).Where(t => t.IsName).Select(t => t.Text)];
        string? target = words[0] switch { "insert" or "merge" => words[2], "update" => words[1], "delete" => words[2], _ => null };
        PlanTable[] used = [.. words.Distinct().Where(Tables.ContainsKey).Select(w => Tables[w] with { IsTarget = w == target })];
        return new PlanFacts
        {
            Tables = used,
            Shards = used.SelectMany(Shards).ToDictionary(s => s.ShardId),
            Coordinator = ("127.0.0.1", 5600),
            Aggregates = new HashSet<string> { "count", "sum", "avg", "percentile_cont", "max" },
        };
    }

    private static IEnumerable<PlanShard> Shards(PlanTable table)
    {
        if (table.Kind == TableKind.Local) return [];
        if (table.Kind == TableKind.Reference)
            return [new PlanShard(102159, "country_102159", table, [("127.0.0.1", 5600), ("127.0.0.1", 5601), ("127.0.0.1", 5602)], 8192)];
        int first = table.Display switch { "ev" => 102139, "ord" => 102143, "agg" => 102147, "other" => 102151, "aggk" => 102155,
            _ => 102160 };
        return Enumerable.Range(0, 4)
            .Select(i => new PlanShard(first + i, $"{table.Display}_{first + i}", table, [("127.0.0.1", 5601 + (i % 2))], 600_000));
    }

    private static PlanTable Table(uint oid, string name, TableKind kind, string? column, int? colocation, string columns) =>
        new(oid, name, kind, column, colocation, false, kind == TableKind.Distributed ? 2_400_000 : null,
            columns.Split(", ").Select(c => c.Split(' ', 2)).ToDictionary(c => c[0], c => c[1]));

    private static string Folder([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "explain");
}
