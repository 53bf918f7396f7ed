using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Activity;

/// <summary>Lists the distribution values that keep the nodes busiest.</summary>
[Cmdlet(VerbsCommon.Get, "CitusTenant")]
[OutputType(typeof(CitusTenant))]
public sealed class GetCitusTenantCommand : ConnectedCmdlet
{
    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            foreach (CitusTenant tenant in await CitusTenant.ListAsync(cluster, output.Verbose, output.Warning, stop))
                await output.ObjectAsync(tenant);
        });
    }
}
