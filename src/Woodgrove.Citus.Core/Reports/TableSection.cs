using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Reports;

/// <summary>A line for each table, with its verdict.</summary>
internal sealed class TableSection(ReportFacts facts) : Section(facts)
{
    public override string Id => "tables";
    public override string Heading => "Tables";
    public override bool HasContent => true;

    public override void AddTo(Html html)
    {
        if (Facts.Tables.Count == 0)
        {
            html.Add($"<p>There are no distributed tables. {ReportAdvice.FirstTable}</p>");
            return;
        }
        html.Add($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Tables"><table><caption>Tables that Citus knows, the largest first</caption>
            <thead><tr><th scope="col">Table</th><th scope="col">Kind</th><th scope="col">Distributed by</th><th scope="col" class="number">Group</th><th scope="col" class="number">Shards</th><th scope="col" class="number">Size</th><th scope="col">Balance</th></tr></thead><tbody>
            """);
        foreach (DistributedTable t in Facts.Tables.OrderByDescending(t => t.SizeBytes))
        {
            html.Add($"""
                <tr data-table="{t.Table}"><th scope="row"><a href="#{Anchor(t.Table)}">{t.Table}</a></th><td>{t.Type}</td>
                <td>{(t.DistributionColumn is null ? "—" : $"{t.DistributionColumn} ({t.DistributionColumnType})")}</td><td class="number">{t.ColocationId}</td>
                <td class="number">{Figure.Count(t.ShardCount)}</td><td class="number">{Figure.Bytes(t.SizeBytes)}</td><td>
                """);
            if (Facts.SkewOf(t.Table) is { } skew) SkewVerdicts.Badge(html, skew);
            else html.Add($"—");
            html.Add($"</td></tr>");
        }
        html.Add($"</tbody></table></div>");
    }

    /// <summary>An id for a table's place on the page, whatever its name.</summary>
    public static string Anchor(string table) => "table-" + Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(table));
}
