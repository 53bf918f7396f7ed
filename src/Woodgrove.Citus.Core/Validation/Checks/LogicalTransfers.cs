using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class LogicalTransfers() : CitusCheck(CheckCategory.Capacity,
    "citus is among the output_plugin_libraries of every node whose PostgreSQL has that parameter.",
    "Newer minor releases of PostgreSQL load no other output plugins. Without it, shards can't be moved or split online, "
        + "tenants not isolated, and tables not distributed concurrently.")
{
    private static readonly Question<Libraries> All = new(Ask.EveryNode, 
        // The sandbox's stand-in replicates nothing.
        "SELECT CASE WHEN pg_catalog.citus_version() NOT LIKE 'Citus stand-in%' THEN "
            + "pg_catalog.current_setting('output_plugin_libraries', true) END AS value");

    public override IReadOnlyList<Question> Questions => [All];

    public override Verdict Decide(Facts facts)
    {
        Libraries[] known = [.. facts.Of(All).Where(l => l.Value is not null)];
        return Verdict.Unless([.. known.Where(l => !OutputPlugins.Of(l.Value!).Contains("citus"))], CheckStatus.Warning,
            "citus among output_plugin_libraries",
            known.Length == 0 ? "no node has the parameter" : "citus among them on all nodes",
            lacking => Verdict.List(lacking.Select(l => $"{l.Value} on {l.Node}")),
            lacking => Verdict.Lines(lacking, l => $"{OutputPlugins.Allow(l.Value!)} -- on {l.Node}"));
    }

    public sealed record Libraries(string Node, string? Value);
}
