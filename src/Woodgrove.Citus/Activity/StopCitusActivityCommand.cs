using System.Management.Automation;
using Woodgrove.Citus.Operations;

namespace Woodgrove.Citus.Activity;

/// <summary>Cancels what sessions run, on whichever node, or ends the sessions.</summary>
[Cmdlet(VerbsLifecycle.Stop, "CitusActivity", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(CitusActivity), typeof(ClusterChange))]
public sealed class StopCitusActivityCommand : ChangeCmdlet
{
    /// <summary>The sessions, by Citus's id over all nodes.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SessionCompleter))]
    public long[] GlobalProcessId { get; set; } = [];

    /// <summary>Ends the sessions; else their statement is cancelled, and they continue.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Seconds to wait until it has ended.</summary>
    [Parameter]
    [ValidateRange(0, 3600)]
    public int Timeout { get; set; } = 10;

    protected override void ProcessRecord()
    {
        foreach (long id in GlobalProcessId)
        {
            var ending = new ActivityStop(Cluster, Force);
            Change((_, stop) => ending.PlanAsync(id, stop), async (output, stop) =>
            {
                if (await ending.WaitAsync(id, TimeSpan.FromSeconds(Timeout), stop) is { } session) await output.ObjectAsync(session);
            }, id);
        }
    }
}
