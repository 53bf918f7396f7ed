using System.Text.Json;

namespace Woodgrove.Citus.Plans;

/// <summary>A part that runs before, with what ANALYZE counted.</summary>
internal sealed record ExplainSubplan(ExplainDocument Plan, TimeSpan? Duration, long? SentBytes)
{
    public static ExplainSubplan Read(JsonElement subplan) => new(
        ExplainDocument.Read(subplan.GetProperty("PlannedStmt")[0]),
        ExplainDocument.Milliseconds(subplan, "Subplan Duration"),
        ExplainDocument.Bytes(subplan, "Intermediate Data Size"));
}
