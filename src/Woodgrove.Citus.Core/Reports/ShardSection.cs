using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Reports;

/// <summary>Where each table's shards lie and how large they are, with the verdict on it.</summary>
internal sealed class ShardSection(ReportFacts facts) : Section(facts)
{
    public override string Id => "shards";
    public override string Heading => "Shards of each table";
    public override bool HasContent => Facts.Tables.Count > 0;

    public override void AddTo(Html html)
    {
        html.Add($"""
            <ul class="legend" aria-label="Colours: the size of a shard against the largest of its table">
            <li><span class="swatch heat1"></span>to 20 %</li><li><span class="swatch heat2"></span>to 40 %</li><li><span class="swatch heat3"></span>to 60 %</li><li><span class="swatch heat4"></span>to 80 %</li><li><span class="swatch heat5"></span>of the largest shard</li></ul>
            """);
        ILookup<string, ShardPlacement> placements = Facts.Placements.ToLookup(p => p.Table);
        foreach (DistributedTable table in Facts.Tables.OrderByDescending(t => t.SizeBytes)) Add(html, table, [.. placements[table.Table]]);
    }

    private void Add(Html html, DistributedTable table, List<ShardPlacement> placements)
    {
        string id = TableSection.Anchor(table.Table);
        html.Add($"<article id=\"{id}\" aria-labelledby=\"{id}-heading\"><h3 id=\"{id}-heading\">{table.Table} ");
        ShardSkew? skew = Facts.SkewOf(table.Table);
        if (skew is not null) SkewVerdicts.Badge(html, skew);
        html.Add($"</h3>");
        if (skew is not null) SkewVerdicts.AddTo(html, skew);
        html.Add($"<div class=\"charts\">");
        foreach (IGrouping<(string, int), ShardPlacement> node in placements.GroupBy(p => (p.NodeName, p.NodePort)).OrderBy(n => n.Key))
            ShardCharts.HeatMap(html, table.Table, node.Key, [.. node], Math.Max(1, placements.Max(p => p.SizeBytes) ?? 0));
        if (placements.Count > 1 && table.Type == TableKind.Distributed) ShardCharts.SortedBars(html, table.Table, placements);
        html.Add($"</div>");
        AddFigures(html, table.Table, placements);
        html.Add($"</article>");
    }

    private static void AddFigures(Html html, string table, List<ShardPlacement> placements)
    {
        html.Add($"""
            <details><summary>Figures of {table}</summary><div class="scroll" tabindex="0" role="region" aria-label="Shards of {table}"><table data-placements="{table}"><caption>Shards of {table} and where they lie</caption>
            <thead><tr><th scope="col" class="number">Shard</th><th scope="col" class="number">Hash from</th><th scope="col" class="number">Hash to</th><th scope="col">Node</th><th scope="col" class="number">Size</th></tr></thead><tbody>
            """);
        foreach (ShardPlacement p in placements)
            html.Add($"<tr><th scope=\"row\" class=\"number\">{p.ShardId}</th><td class=\"number\">{p.HashMin}</td><td class=\"number\">{p.HashMax}</td><td>{p.NodeName}:{p.NodePort}</td><td class=\"number\">{Figure.Bytes(p.SizeBytes)}</td></tr>");
        html.Add($"</tbody></table></div></details>");
    }
}
