using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Nodes;

namespace Woodgrove.Citus.Nodes;

/// <summary>Changes a node: whether it should have shards, its address, and whether the cluster counts on it.</summary>
[Cmdlet(VerbsCommon.Set, "CitusNode", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(CitusNode), typeof(ClusterChange))]
public sealed class SetCitusNodeCommand : NodeCmdlet
{
    /// <summary>Whether new shards are placed there; false makes a rebalance move those that it has.</summary>
    [Parameter]
    public bool? ShouldHaveShards { get; set; }

    /// <summary>The host and port at which the node answers from now on.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Address { get; set; }

    /// <summary>Whether the cluster counts on it.</summary>
    [Parameter]
    public bool? Enabled { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        string now = Address ?? $"{NodeName}:{NodePort}";
        Change((_, stop) => NodeChanger.PlanSetAsync(cluster, NodeName, NodePort, new NodeOrder(ShouldHaveShards, Address, Enabled), stop),
            (output, stop) => WriteAsync(cluster, output, n => $"{n.NodeName}:{n.NodePort}" == now, stop), NodeName);
    }
}
