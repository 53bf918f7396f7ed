using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Activity;

/// <summary>Lists the sessions that are at work, with what each runs on the nodes.</summary>
[Cmdlet(VerbsCommon.Get, "CitusActivity")]
[OutputType(typeof(CitusActivity))]
public sealed class GetCitusActivityCommand : ConnectedCmdlet
{
    /// <summary>Idle and hidden sessions, and Citus's own, too.</summary>
    [Parameter]
    public SwitchParameter All { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            foreach (CitusActivity activity in await CitusActivity.ListAsync(cluster, All, output.Verbose, output.Warning, stop))
                await output.ObjectAsync(activity);
        });
    }
}
