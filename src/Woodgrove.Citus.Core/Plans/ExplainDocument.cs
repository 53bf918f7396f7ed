using System.Globalization;
using System.Text.Json;

namespace Woodgrove.Citus.Plans;

/// <summary>What EXPLAIN (FORMAT JSON) gave: the coordinator's plan, and in it what Citus sends to the workers.</summary>
internal sealed record ExplainDocument(PlanNode Root, TimeSpan? PlanningTime, TimeSpan? ExecutionTime, PlanPlanning? Planning,
    PlanSerialization? Serialization)
{
    public static ExplainDocument Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        // "Utility Statement", or nothing where a rule puts nothing in its place.
        if (document.RootElement.GetArrayLength() == 0 || document.RootElement[0] is not { ValueKind: JsonValueKind.Object } statement)
            throw PlanErrors.NoPlan();
        return Read(statement);
    }

    public static ExplainDocument Read(JsonElement statement) => new(
        PlanNode.Read(statement.GetProperty("Plan")), Milliseconds(statement, "Planning Time"), Milliseconds(statement, "Execution Time"),
        PlanPlanning.Read(statement), PlanSerialization.Read(statement));

    internal static TimeSpan? Milliseconds(JsonElement element, string name) =>
        PlanNode.Number(element, name) is { } ms ? TimeSpan.FromMilliseconds(ms) : null;

    /// <summary>
    /// Reads what <c>pg_size_pretty</c> wrote, the only form in which Citus tells bytes: exact below 10 kB, rounded
    /// above.
    /// </summary>
    internal static long? Bytes(JsonElement element, string name)
    {
        if (PlanNode.Text(element, name)?.Split(' ') is not [string number, string unit]) return null;
        int power = Array.IndexOf(["bytes", "kB", "MB", "GB", "TB", "PB"], unit);
        return power < 0 ? null : long.Parse(number, CultureInfo.InvariantCulture) << (10 * power);
    }
}
