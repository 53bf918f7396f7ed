using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Shards;

namespace Woodgrove.Citus.Jobs;

/// <summary>Stops a background job; what it has done stays.</summary>
[Cmdlet(VerbsLifecycle.Stop, "CitusJob", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(CitusJob), typeof(ClusterChange))]
public sealed class StopCitusJobCommand : ChangeCmdlet
{
    /// <summary>Citus's number of the job.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(JobCompleter))]
    public long JobId { get; set; }

    /// <summary>Seconds to wait for the tasks that run to end.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Timeout { get; set; } = 60;

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change((_, stop) => JobStopper.PlanAsync(cluster, JobId, stop), async (output, stop) =>
        {
            CitusJob job = await new CitusJobs(cluster).WaitAsync(JobId, TimeSpan.FromSeconds(Timeout), _ => { }, stop);
            if (job.IsActive) output.Warning($"Job {JobId} is not over yet after {Timeout} s; Wait-CitusJob waits for it.");
            await output.ObjectAsync(job);
        }, JobId);
    }
}
