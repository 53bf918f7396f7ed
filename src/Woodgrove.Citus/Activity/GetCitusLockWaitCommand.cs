using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Activity;

/// <summary>Lists who waits for whose lock, over all nodes, as a tree.</summary>
[Cmdlet(VerbsCommon.Get, "CitusLockWait")]
[OutputType(typeof(CitusLockWait))]
public sealed class GetCitusLockWaitCommand : ConnectedCmdlet
{
    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            foreach (CitusLockWait wait in await CitusLockWait.ListAsync(cluster, output.Verbose, output.Warning, stop))
                await output.ObjectAsync(wait);
        });
    }
}
