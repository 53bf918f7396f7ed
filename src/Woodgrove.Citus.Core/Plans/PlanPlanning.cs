using System.Text.Json;

namespace Woodgrove.Citus.Plans;

/// <summary>What planning took beside time.</summary>
/// <param name="MemoryBytes">Memory used, as the server rounds it, to kilobytes; null before PostgreSQL 17.</param>
/// <param name="Buffers">Pages of the catalogs; only with -Analyze.</param>
public sealed record PlanPlanning(long? MemoryBytes, PlanBuffers? Buffers)
{
    internal static PlanPlanning? Read(JsonElement statement)
    {
        if (!statement.TryGetProperty("Planning", out JsonElement planning)) return null;
        double? kilobytes = PlanNode.Number(planning, "Memory Used");
        return new PlanPlanning(kilobytes is null ? null : 1024 * (long)kilobytes, PlanBuffers.Read(planning));
    }
}
