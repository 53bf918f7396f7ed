using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Jobs;

namespace Woodgrove.Citus.Operations.Shards;

/// <summary>Plans to stop a background job.</summary>
public static class JobStopper
{
    /// <exception cref="Errors.CitusException">There is no such job.</exception>
    public static async Task<ClusterChange> PlanAsync(CitusConnection connection, long jobId, CancellationToken stop)
    {
        CitusJob job = (await new CitusJobs(connection).ListAsync(jobId, stop))[0];
        return new ClusterChange
        {
            Action = $"Stop job {jobId} ({job.Description})", Target = $"job {jobId}",
            Sql = job.IsActive ? [$"SELECT pg_catalog.citus_job_cancel({jobId})"] : [],
            Locks = [$"Tasks that are done stay done ({job.Done} of {job.Total}); those that run are undone, the others never start."],
        };
    }
}
