using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Jobs;

/// <summary>Errors of waiting for a background job.</summary>
internal static class JobWaitErrors
{
    public static CitusException NotOver(CitusJob job, int seconds) =>
        new("CitusJobTimeout", CitusErrorKind.OperationTimeout,
            $"Job {job.JobId} was not over after {seconds} s: {job.Done} of {job.Total} task(s) done."
                + (job.Tasks.FirstOrDefault(t => t.WaitsFor is not null) is { } task ? $" Task {task.TaskId} waits for {task.WaitsFor}." : ""),
            $"It continues. Wait on with Wait-CitusJob {job.JobId}, or stop it: Stop-CitusJob {job.JobId}.") { Target = job.JobId };

    /// <summary>What is so of a job that was waited for until Ctrl+C.</summary>
    public static string Continues(CitusJob job) =>
        $"The wait is over; job {job.JobId} is {job.State.ToString().ToLowerInvariant()} and continues: {job.Done} of {job.Total} task(s) "
            + $"done. Wait-CitusJob {job.JobId} waits on, Stop-CitusJob {job.JobId} stops it.";

    public static CitusException Failed(CitusJob job) =>
        new("CitusJobFailed", CitusErrorKind.InvalidOperation,
            $"Job {job.JobId} {(job.State == JobState.Failed ? "failed" : "was cancelled")}: {job.Done} of {job.Total} task(s) done. "
                + job.Message, "What is done stays done. Get-CitusJob has the message of each task.") { Target = job.JobId };
}
