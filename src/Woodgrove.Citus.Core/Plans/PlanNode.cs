using System.Text.Json;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Plans;

/// <summary>A step of a PostgreSQL plan.</summary>
public sealed record PlanNode
{
    public required string NodeType { get; init; }

    /// <summary>Outer, Inner, Subquery, InitPlan, SubPlan …; null at the root.</summary>
    public string? ParentRelationship { get; init; }

    public string? Operation { get; init; }
    public string? Strategy { get; init; }
    public string? Schema { get; init; }
    public string? RelationName { get; init; }
    public string? Alias { get; init; }
    public string? FunctionName { get; init; }

    /// <summary>Rows that the planner expects.</summary>
    public long Rows { get; init; }

    /// <summary>Bytes a row that the planner expects.</summary>
    public int Width { get; init; }

    /// <summary>Rows that came, all loops together; only with -Analyze.</summary>
    public long? ActualRows { get; init; }

    /// <summary>
    /// Pages that this step and all below it used; only with -Analyze, and where Citus asks the workers only the
    /// coordinator's own.
    /// </summary>
    public PlanBuffers? Buffers { get; init; }

    public Listing<string> Output { get; init; } = [];

    /// <summary>Filters, index and join conditions, as the server prints them.</summary>
    public Listing<string> Conditions { get; init; } = [];

    public Listing<PlanNode> Children { get; init; } = [];

    internal string? Provider { get; init; }

    /// <summary>Where the coordinator asks the workers.</summary>
    internal DistributedQuery? Distributed { get; init; }

    /// <summary>Of INSERT … SELECT or MERGE that is not pushed down: the method, and the plan of its source.</summary>
    internal (string Method, PlanNode Source)? Source { get; init; }

    /// <summary>This node and all below it.</summary>
    internal IEnumerable<PlanNode> Tree() => Children.SelectMany(c => c.Tree()).Prepend(this);

    public override string ToString() => RelationName is null ? NodeType : $"{NodeType} on {RelationName}";

    internal static PlanNode Read(JsonElement node)
    {
        (string, PlanNode)? source = null;
        var conditions = new List<string>();
        foreach (JsonProperty property in node.EnumerateObject())
        {
            // "INSERT/SELECT method", "MERGE INTO t method"
            if (property.Name.EndsWith(" method", StringComparison.Ordinal) && Inner(node) is { } inner)
                source = (property.Value.GetString()!, inner);
            else if (property.Name is "Filter" or "One-Time Filter" or "Join Filter"
                || property.Name.EndsWith(" Cond", StringComparison.Ordinal))
                conditions.Add(property.Value.ToString());
        }
        return new PlanNode
        {
            NodeType = node.GetProperty("Node Type").GetString()!,
            ParentRelationship = Text(node, "Parent Relationship"),
            Operation = Text(node, "Operation"),
            Strategy = Text(node, "Strategy"),
            Schema = Text(node, "Schema"),
            RelationName = Text(node, "Relation Name"),
            Alias = Text(node, "Alias"),
            FunctionName = Text(node, "Function Name"),
            Rows = (long)(Number(node, "Plan Rows") ?? 0),
            Width = (int)(Number(node, "Plan Width") ?? 0),
            ActualRows = Number(node, "Actual Rows") is { } rows ? (long)Math.Round(rows * (Number(node, "Actual Loops") ?? 1)) : null,
            Buffers = PlanBuffers.Read(node),
            Output = node.TryGetProperty("Output", out JsonElement output) ? [.. output.EnumerateArray().Select(o => o.GetString()!)] : [],
            Conditions = conditions,
            Children = node.TryGetProperty("Plans", out JsonElement plans) ? [.. plans.EnumerateArray().Select(Read)] : [],
            Provider = Text(node, "Custom Plan Provider"),
            Distributed = node.TryGetProperty("Distributed Query", out JsonElement query) ? DistributedQuery.Read(query) : null,
            Source = source,
        };
    }

    internal static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    internal static double? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : null;

    private static PlanNode? Inner(JsonElement node) =>
        node.TryGetProperty("Select Query", out JsonElement query) || node.TryGetProperty("Source Query", out query)
            ? Read(query[0].GetProperty("Plan")) : null;
}
