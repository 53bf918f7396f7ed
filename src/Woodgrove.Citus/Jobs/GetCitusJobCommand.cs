using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Jobs;

/// <summary>Lists the cluster's background jobs with their tasks.</summary>
[Cmdlet(VerbsCommon.Get, "CitusJob")]
[OutputType(typeof(CitusJob))]
public sealed class GetCitusJobCommand : ConnectedCmdlet
{
    /// <summary>Citus's number of the job; all by default.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(JobCompleter))]
    public long? JobId { get; set; }

    /// <summary>Just those that are not over.</summary>
    [Parameter]
    public SwitchParameter Active { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            foreach (CitusJob job in await new CitusJobs(cluster).ListAsync(JobId, stop))
                if (!Active || job.IsActive) await output.ObjectAsync(job);
        }, JobId);
    }
}
