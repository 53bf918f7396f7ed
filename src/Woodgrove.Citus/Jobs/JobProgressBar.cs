using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Jobs;

/// <summary>Shows how far a background job is.</summary>
internal sealed class JobProgressBar(CmdletOutput output)
{
    private const string Activity = "Background job";

    public void Show(CitusJob job)
    {
        CitusJobTask? task = job.Tasks.FirstOrDefault(t => t.State == "running");
        output.Progress(new ProgressRecord(1, Activity, $"{job.Done} of {job.Total} tasks, {job.State.ToString().ToLowerInvariant()}")
        {
            PercentComplete = job.Total == 0 ? -1 : job.Done * 100 / job.Total,
            CurrentOperation = task is null ? "" : task.WaitsFor is { } wait ? $"{task.Command} waits for {wait}" : task.Command,
        });
    }

    public void End() => output.Progress(new ProgressRecord(1, Activity, "Done") { RecordType = ProgressRecordType.Completed });
}
