using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Jobs;

/// <summary>Waits until a background job is over.</summary>
[Cmdlet(VerbsLifecycle.Wait, "CitusJob")]
[OutputType(typeof(CitusJob))]
public sealed class WaitCitusJobCommand : ConnectedCmdlet
{
    /// <summary>Citus's number of the job.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(JobCompleter))]
    public long JobId { get; set; }

    /// <summary>Seconds to wait at most; the job continues after that. 0 means no limit.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Timeout { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        CitusJob? seen = null;
        Tell(() => RunEach(async (output, stop) =>
        {
            var bar = new JobProgressBar(output);
            CitusJob job = await new CitusJobs(cluster).WaitAsync(JobId, Timeout == 0 ? null : TimeSpan.FromSeconds(Timeout),
                now => bar.Show(seen = now), stop);
            bar.End();
            await output.ObjectAsync(job);
            if (job.IsActive) throw JobWaitErrors.NotOver(job, Timeout);
            if (job.State != JobState.Finished) throw JobWaitErrors.Failed(job);
        }, JobId), () => seen is null ? null : JobWaitErrors.Continues(seen));
    }
}
