using System.Globalization;
using System.Text.Json;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Plans;

/// <summary>What EXPLAIN (FORMAT JSON) gave: the coordinator's plan, and in it what Citus sends to the workers.</summary>
internal sealed record ExplainDocument(PlanNode Root, TimeSpan? PlanningTime, TimeSpan? ExecutionTime, PlanPlanning? Planning, PlanSerialization? Serialization)
{
    public static ExplainDocument Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        // "Utility Statement", or nothing where a rule puts nothing in its place.
        if (document.RootElement.GetArrayLength() == 0 || document.RootElement[0] is not { ValueKind: JsonValueKind.Object } statement)
        {
            throw new CitusException("CitusNoPlan", CitusErrorKind.InvalidArgument, "PostgreSQL runs this statement without a plan, so there is none to show.",
                "Ask for the plan of the SELECT, INSERT, UPDATE, DELETE or MERGE in it.");
        }
        return Read(statement);
    }

    public static ExplainDocument Read(JsonElement statement) => new(
        PlanNode.Read(statement.GetProperty("Plan")), Milliseconds(statement, "Planning Time"), Milliseconds(statement, "Execution Time"),
        PlanPlanning.Read(statement), PlanSerialization.Read(statement));

    internal static TimeSpan? Milliseconds(JsonElement element, string name) =>
        PlanNode.Number(element, name) is { } ms ? TimeSpan.FromMilliseconds(ms) : null;

    /// <summary>Reads what <c>pg_size_pretty</c> wrote, the only form in which Citus tells bytes: exact below 10 kB, rounded above.</summary>
    internal static long? Bytes(JsonElement element, string name)
    {
        if (PlanNode.Text(element, name)?.Split(' ') is not [string number, string unit]) return null;
        int power = Array.IndexOf(["bytes", "kB", "MB", "GB", "TB", "PB"], unit);
        return power < 0 ? null : long.Parse(number, CultureInfo.InvariantCulture) << (10 * power);
    }
}

/// <summary>What one Custom Scan of Citus sends to the workers.</summary>
internal sealed record DistributedQuery(
    int TaskCount, long? ReceivedBytes, IReadOnlyList<ExplainTask> Tasks, IReadOnlyList<DependentJob> DependentJobs, IReadOnlyList<ExplainSubplan> Subplans)
{
    public static DistributedQuery Read(JsonElement query)
    {
        JsonElement job = query.GetProperty("Job");
        return new DistributedQuery(
            job.GetProperty("Task Count").GetInt32(),
            ExplainDocument.Bytes(job, "Tuple data received from nodes"),
            job.TryGetProperty("Tasks", out JsonElement tasks) ? [.. tasks.EnumerateArray().Select(ExplainTask.Read)] : [],
            DependentJob.ReadAll(job),
            query.TryGetProperty("Subplans", out JsonElement subplans) ? [.. subplans.EnumerateArray().Select(ExplainSubplan.Read)] : []);
    }
}

/// <summary>A fragment, as EXPLAIN shows it.</summary>
internal sealed record ExplainTask(string Sql, string NodeName, int NodePort, PlanNode? Plan, TimeSpan? ExecutionTime, long? ReceivedBytes, PlanPlanning? Planning)
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

/// <summary>A step of a repartition join: its map tasks read rows, its merge tasks get them by their new hash.</summary>
internal sealed record DependentJob(int MapTaskCount, int MergeTaskCount, IReadOnlyList<DependentJob> Before)
{
    public static IReadOnlyList<DependentJob> ReadAll(JsonElement parent) =>
        !parent.TryGetProperty("Dependent Jobs", out JsonElement jobs) ? []
        : [.. jobs.EnumerateArray().Select(j => new DependentJob(
            j.GetProperty("Map Task Count").GetInt32(), j.GetProperty("Merge Task Count").GetInt32(), ReadAll(j)))];
}

/// <summary>A part that runs before, with what ANALYZE counted.</summary>
internal sealed record ExplainSubplan(ExplainDocument Plan, TimeSpan? Duration, long? SentBytes)
{
    public static ExplainSubplan Read(JsonElement subplan) => new(
        ExplainDocument.Read(subplan.GetProperty("PlannedStmt")[0]),
        ExplainDocument.Milliseconds(subplan, "Subplan Duration"),
        ExplainDocument.Bytes(subplan, "Intermediate Data Size"));
}
