using Woodgrove.Citus.Plans;

namespace Woodgrove.Citus.Reports;

/// <summary>A plan as a drawn tree: the coordinator, the nodes that it asks, and the fragments that they run.</summary>
internal static class PlanTree
{
    private const int BoxHeight = 40, RowHeight = 52, FragmentsDrawn = 6;
    private static readonly (int X, int Width)[] Levels = [(1, 160), (251, 240), (541, 330)];

    private sealed record Box(int Level, double Row, string Title, string Detail, string Kind, string? Full = null)
    {
        /// <summary>What goes from it to the box on its left, in words.</summary>
        public string? Sends { get; init; }
    }

    public static void Draw(Html html, CitusQueryPlan plan, string name)
    {
        (List<Box> boxes, List<(Box From, Box To)> edges) = Layout(plan);
        int width = Levels[boxes.Max(b => b.Level)] is var last ? last.X + last.Width + 1 : 0;
        double height = boxes.Max(b => b.Row) * RowHeight + BoxHeight + 2;
        string words = $"{plan.Execution}: the coordinator asks {Figure.Words(plan.Nodes.Count, "node")} for "
            + $"{Figure.Words(plan.TaskCount, "fragment")}.";
        html.Add($"""
            <div class="scroll" tabindex="0" role="region" aria-label="{name} as a tree"><svg class="tree" role="img" width="{width}" height="{height:0}" viewBox="0 0 {width} {height:0}" aria-label="{name}: {words}">
            <title>{name}</title><desc>{words}</desc>
            """);
        foreach ((Box from, Box to) in edges)
        {
            (int left, int boxWidth) = Levels[from.Level];
            double x1 = left + boxWidth, y1 = Middle(from), x2 = Levels[to.Level].X, y2 = Middle(to), middle = (x1 + x2) / 2;
            html.Add($"<path class=\"edge\" d=\"M{x1:0.#} {y1:0.#}C{middle:0.#} {y1:0.#} {middle:0.#} {y2:0.#} {x2:0.#} {y2:0.#}\"/>");
            if (to.Sends is { } sends)
                html.Add($"<text class=\"flow\" text-anchor=\"end\" x=\"{x2 - 6:0.#}\" y=\"{y2 - 5:0.#}\">{sends}</text>");
        }
        foreach (Box b in boxes)
        {
            (int x, int w) = Levels[b.Level];
            double y = b.Row * RowHeight + 1;
            int letters = w / 7 - 1;
            html.Add($"""
                <g class="{b.Kind}"><title>{b.Full ?? b.Title}</title><rect x="{x}" y="{y:0.#}" width="{w}" height="{BoxHeight}" rx="6"/><text x="{x + 9}" y="{y + 17:0.#}">{Short(b.Title, letters)}</text><text class="detail" x="{x + 9}" y="{y + 32:0.#}">{Short(b.Detail, letters)}</text></g>
                """);
        }
        html.Add($"</svg></div>");
    }

    /// <summary>Each box in the middle of what hangs on it.</summary>
    private static (List<Box> Boxes, List<(Box From, Box To)> Edges) Layout(CitusQueryPlan plan)
    {
        var boxes = new List<Box>();
        var edges = new List<(Box, Box)>();
        var nodes = new List<Box>();
        double row = 0;
        foreach (QueryNode node in plan.Nodes)
        {
            List<Box> leaves = [.. Leaves(plan, node).Select((leaf, i) => leaf with { Row = row + i })];
            var box = new Box(1, row + (leaves.Count - 1) / 2.0, node.ToString(), NodeDetail(node), "worker") { Sends = Sends(plan, node) };
            nodes.Add(box);
            boxes.AddRange(leaves);
            edges.AddRange(leaves.Select(leaf => (box, leaf)));
            row += leaves.Count;
        }
        if (plan.Nodes.Count == 0 && plan.TaskCount > 0)
        {
            nodes.Add(new Box(1, 0, "workers", Figure.Words(plan.TaskCount, "fragment"), "worker"));
            row = 1;
        }
        var coordinator = new Box(0, Math.Max(0, (row - 1) / 2), "coordinator", plan.CoordinatorPlan.ToString(), "coordinator",
            $"coordinator: {plan.CoordinatorPlan}");
        return ([coordinator, .. nodes, .. boxes], [.. nodes.Select(n => (coordinator, n)), .. edges]);
    }

    private static IEnumerable<Box> Leaves(CitusQueryPlan plan, QueryNode node)
    {
        QueryFragment[] shown = [.. plan.Fragments.Where(f => f.NodeName == node.NodeName && f.NodePort == node.NodePort)];
        foreach (QueryFragment f in shown.Take(FragmentsDrawn))
        {
            string name = f.Shards.Count > 0 ? string.Join(" ⋈ ", f.Shards.Select(s => s.ShardName)) : "no shard";
            yield return new Box(2, 0, name, f.Plan?.ToString() ?? "", "fragment", f.Sql);
        }
        if (node.TaskCount - Math.Min(shown.Length, FragmentsDrawn) is > 0 and var more)
            yield return new Box(2, 0, shown.Length > 0 ? $"and {Figure.Words(more, "more fragment")}" : Figure.Words(more, "fragment"),
                "of other shards, alike", "fragment more");
    }

    /// <summary>Counted by Citus, or estimated from the rows and widths of the fragments that EXPLAIN showed.</summary>
    private static string? Sends(CitusQueryPlan plan, QueryNode node)
    {
        if (node.ReceivedBytes is { } counted) return $"← {Figure.BytesText(counted)}";
        PlanNode[] shown = [.. plan.Fragments.Select(f => f.Plan).OfType<PlanNode>()];
        return shown.Length == 0 || plan.MovedBytes == 0 ? null
            : $"← ≈ {Figure.BytesText(shown.Average(p => (double)p.Rows * p.Width) * node.TaskCount)}";
    }

    private static string NodeDetail(QueryNode node) => string.Join(" · ", new[]
    {
        Figure.Words(node.TaskCount, "fragment"),
        node.ExecutionTime is { } time ? PlanSection.Milliseconds(time) : null,
        node.ReceivedBytes is { } bytes ? Figure.BytesText(bytes) : null,
    }.OfType<string>());

    private static string Short(string text, int letters) => text.Length <= letters ? text : text[..(letters - 1)] + "…";

    private static double Middle(Box box) => box.Row * RowHeight + 1 + BoxHeight / 2.0;
}
