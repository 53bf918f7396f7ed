using System.Text.Json;

namespace Woodgrove.Citus.Plans;

/// <summary>What one Custom Scan of Citus sends to the workers.</summary>
internal sealed record DistributedQuery(
    int TaskCount, long? ReceivedBytes, IReadOnlyList<ExplainTask> Tasks, IReadOnlyList<DependentJob> DependentJobs,
    IReadOnlyList<ExplainSubplan> Subplans)
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
