using System.Globalization;
using System.Text.Json;

namespace Woodgrove.Citus.Plans;

/// <summary>A fragment, as EXPLAIN shows it.</summary>
internal sealed record ExplainTask(string Sql, string NodeName, int NodePort, PlanNode? Plan, TimeSpan? ExecutionTime, long? ReceivedBytes,
    PlanPlanning? Planning)
{
    public static ExplainTask Read(JsonElement task)
    {
        // "host=127.0.0.1 port=9701 dbname=bank"
        Dictionary<string, string> node = (PlanNode.Text(task, "Node") ?? "").Split(' ').Select(p => p.Split('=', 2))
            .Where(p => p.Length == 2).GroupBy(p => p[0]).ToDictionary(g => g.Key, g => g.First()[1]);
        JsonElement? remote = task.TryGetProperty("Remote Plan", out JsonElement plans) && plans.GetArrayLength() > 0
            && plans[0].ValueKind == JsonValueKind.Array && plans[0][0].TryGetProperty("Plan", out _) ? plans[0][0] : null;
        return new ExplainTask(
            PlanNode.Text(task, "Query") ?? "", node.GetValueOrDefault("host", ""),
            int.Parse(node.GetValueOrDefault("port", "0"), CultureInfo.InvariantCulture),
            remote is { } plan ? PlanNode.Read(plan.GetProperty("Plan")) : null,
            remote is { } run ? ExplainDocument.Milliseconds(run, "Execution Time") : null,
            ExplainDocument.Bytes(task, "Tuple data received from node"),
            remote is { } statement ? PlanPlanning.Read(statement) : null);
    }
}
