using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Reports;

/// <summary>How evenly a table lies, why, and what would help.</summary>
internal static class SkewVerdicts
{
    /// <summary>The verdict in a word.</summary>
    public static void Badge(Html html, ShardSkew skew)
    {
        Tone tone = skew.Verdict switch { SkewVerdict.Balanced => Tone.Good, SkewVerdict.Uneven => Tone.Fair, _ => Tone.Bad };
        tone.Badge(html, skew.Verdict.ToString());
    }

    public static void AddTo(Html html, ShardSkew skew)
    {
        html.Add($"""
            <p>{skew.Reason}</p><dl class="facts" data-skew="{skew.Table}"><div><dt>Largest shard</dt><dd>{Figure.Bytes(skew.Largest)}, {Figure.Ratio(skew.MaxToMean)} the mean</dd></div>
            <div><dt>Smallest shard</dt><dd>{Figure.Bytes(skew.Smallest)}</dd></div><div><dt>Fullest node</dt><dd>{Figure.Ratio(skew.NodeMaxToMean)} the mean</dd></div></dl>
            """);
        if (skew.Verdict != SkewVerdict.Balanced && skew.HeaviestValues.Count > 0)
        {
            html.Add($"<p>Heaviest values of {skew.DistributionColumn}: ")
                .Each(skew.HeaviestValues.Take(3),
                    v => html.Add($"<span class=\"chip\">{v.Value}, {100 * v.Share:0.#} % of the rows</span>"))
                .Add($"</p>");
        }
        if (skew.Fix is not null) html.Add($"<p>What would help:</p><pre tabindex=\"0\"><code>{skew.Fix}</code></pre>");
    }
}
