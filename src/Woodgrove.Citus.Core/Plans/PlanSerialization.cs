using System.Text.Json;

namespace Woodgrove.Citus.Plans;

/// <summary>What it took to write the result in the form that a client is sent (PostgreSQL 17 and later).</summary>
/// <param name="OutputBytes">As the server rounds it, to kilobytes.</param>
public sealed record PlanSerialization(TimeSpan? Time, long OutputBytes, PlanBuffers? Buffers)
{
    internal static PlanSerialization? Read(JsonElement statement)
    {
        if (!statement.TryGetProperty("Serialization", out JsonElement serialization)) return null;
        long kilobytes = (long)(PlanNode.Number(serialization, "Output Volume") ?? 0);
        return new PlanSerialization(
            ExplainDocument.Milliseconds(serialization, "Time"), 1024 * kilobytes, PlanBuffers.Read(serialization));
    }
}
