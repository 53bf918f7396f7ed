using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Shards;

/// <summary>Lists the cluster's nodes.</summary>
[Cmdlet(VerbsCommon.Get, "CitusNode")]
[OutputType(typeof(CitusNode))]
public sealed class GetCitusNodeCommand : ConnectedCmdlet
{
    /// <summary>Asks the nodes how many bytes lie on each, too.</summary>
    [Parameter]
    public SwitchParameter Size { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            await foreach (CitusNode node in ClusterMetadata.NodesAsync(cluster, Size, output.Warning, stop))
                await output.ObjectAsync(node);
        });
    }
}
