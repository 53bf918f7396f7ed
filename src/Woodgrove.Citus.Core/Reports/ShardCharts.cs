using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Reports;

/// <summary>Drawn as SVG, in the page's own colours: they follow light, dark and print, and each shape bears its figures.</summary>
internal static class ShardCharts
{
    private const int Width = 336, Height = 120;

    /// <summary>A cell a shard, in the order of their hashes; the fuller, the stronger.</summary>
    public static void HeatMap(Html html, string table, (string Name, int Port) node, IReadOnlyList<ShardPlacement> shards, long largest)
    {
        (int columns, int cell) = shards.Count <= 32 ? (8, 28) : (16, Width / 16);
        int rows = (shards.Count + columns - 1) / columns, height = rows * cell, width = Math.Min(shards.Count, columns) * cell;
        long? size = Figure.Total(shards.Select(s => s.SizeBytes));
        html.Add($"""
            <figure><svg class="heat" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}" aria-label="{table} on {node.Name}:{node.Port}: {Figure.Words(shards.Count, "shard")}, {Figure.BytesText(size)}">
            <title>{table} on {node.Name}:{node.Port}</title><desc>A cell for each of {Figure.Words(shards.Count, "shard")}; the largest has {Figure.BytesText(shards.Max(s => s.SizeBytes))}, the smallest {Figure.BytesText(shards.Min(s => s.SizeBytes))}.</desc>
            """);
        for (int i = 0; i < shards.Count; i++)
        {
            ShardPlacement s = shards[i];
            int heat = Math.Clamp((int)Math.Ceiling(5.0 * (s.SizeBytes ?? 0) / largest), 1, 5);
            html.Add($"<rect class=\"heat{heat}\" x=\"{i % columns * cell + 1}\" y=\"{i / columns * cell + 1}\" width=\"{cell - 2}\" height=\"{cell - 2}\" rx=\"3\"><title>{s.ShardName}: {Figure.BytesText(s.SizeBytes)}</title></rect>");
        }
        html.Add($"</svg><figcaption>{node.Name}:<wbr>{node.Port} · {Figure.Count(shards.Count, "shard")} · {Figure.Bytes(size)}</figcaption></figure>");
    }

    /// <summary>A bar a shard, the largest first, with a line at the mean.</summary>
    public static void SortedBars(Html html, string table, IReadOnlyList<ShardPlacement> placements)
    {
        ShardPlacement[] sorted = [.. placements.DistinctBy(p => p.ShardId).OrderByDescending(p => p.SizeBytes)];
        double largest = Math.Max(1, sorted[0].SizeBytes ?? 0), mean = sorted.Average(s => s.SizeBytes) ?? 0,
            step = (double)Width / sorted.Length;
        double line = Height - Height * mean / largest;
        html.Add($"""
            <figure><svg class="bars" role="img" width="{Width}" height="{Height + 2}" viewBox="0 0 {Width} {Height + 2}" aria-label="Shards of {table} by size, from {Figure.BytesText(sorted[0].SizeBytes)} to {Figure.BytesText(sorted[^1].SizeBytes)}">
            <title>Shards of {table} by size</title><desc>A bar for each shard, the largest first: from {Figure.BytesText(sorted[0].SizeBytes)} to {Figure.BytesText(sorted[^1].SizeBytes)}; the mean is {Figure.BytesText(mean)}.</desc>
            """);
        for (int i = 0; i < sorted.Length; i++)
        {
            double height = Math.Max(1, Height * (sorted[i].SizeBytes ?? 0) / largest);
            html.Add($"<rect class=\"fill\" x=\"{i * step:0.##}\" y=\"{Height - height:0.##}\" width=\"{Math.Max(0.5, step * 0.8):0.##}\" height=\"{height:0.##}\"><title>{sorted[i].ShardName}: {Figure.BytesText(sorted[i].SizeBytes)}</title></rect>");
        }
        html.Add($"""
            <line class="mean" x1="0" x2="{Width}" y1="{line:0.##}" y2="{line:0.##}"/><line class="axis" x1="0" x2="{Width}" y1="{Height + 1}" y2="{Height + 1}"/></svg>
            <figcaption>Shards by size: {Figure.BytesText(sorted[0].SizeBytes)} to {Figure.BytesText(sorted[^1].SizeBytes)}; dashed: the mean, {Figure.BytesText(mean)}</figcaption></figure>
            """);
    }
}
