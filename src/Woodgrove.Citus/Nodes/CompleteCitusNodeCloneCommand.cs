using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Nodes;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Nodes;

/// <summary>Makes a clone a node, which takes over a part of the shards of the node that it is a replica of.</summary>
[Cmdlet(VerbsLifecycle.Complete, "CitusNodeClone", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(CitusNode), typeof(ClusterChange))]
public sealed class CompleteCitusNodeCloneCommand : NodeCmdlet
{
    /// <summary>What both nodes are made even in: by_disk_size, by_shard_count, or a strategy of one's own.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(StrategyCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Strategy { get; set; }

    /// <summary>Seconds that writers wait at most for the clone to catch up.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int Timeout { get; set; } = 300;

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change((output, stop) => new NodeCloner(cluster, Strategy, output.Warning)
                .PlanCompleteAsync(NodeName, NodePort, TimeSpan.FromSeconds(Timeout), stop),
            (output, stop) => WriteAsync(cluster, output, n => (n.NodeName, n.NodePort) == (NodeName, NodePort), stop), NodeName);
    }
}
