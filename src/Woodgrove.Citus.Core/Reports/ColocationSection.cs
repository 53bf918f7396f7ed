using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Reports;

/// <summary>Which tables lie together.</summary>
internal sealed class ColocationSection(ReportFacts facts) : Section(facts)
{
    public override string Id => "colocation";
    public override string Heading => "Colocation groups";
    public override bool HasContent => Facts.Grouped.Any();

    public override void AddTo(Html html)
    {
        html.Add($"<p>Tables of one group have their rows of equal distribution values on the same node: joins between them by that column move nothing.</p><ul class=\"groups\">");
        foreach (IGrouping<int, DistributedTable> group in Facts.Grouped.GroupBy(t => t.ColocationId).OrderBy(g => g.Key))
        {
            DistributedTable first = group.First();
            html.Add($"""
                <li class="group" data-group="{group.Key}"><strong>Group {group.Key}</strong> <span class="role">{first.Type}{(first.DistributionColumnType is null ? "" : $" by {first.DistributionColumnType}")}</span>
                <span>{Figure.Count(first.ShardCount, "shard")} a table · {Figure.Bytes(Figure.Total(group.Select(t => t.SizeBytes)))}</span><span class="chips">
                """);
            foreach (DistributedTable t in group) html.Add($"<a class=\"chip\" href=\"#{TableSection.Anchor(t.Table)}\">{t.Table}</a>");
            html.Add($"</span></li>");
        }
        html.Add($"</ul>");
    }
}
