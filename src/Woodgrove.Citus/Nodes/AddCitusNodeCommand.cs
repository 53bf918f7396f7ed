using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Nodes;

namespace Woodgrove.Citus.Nodes;

/// <summary>Adds a server to the cluster as a node.</summary>
[Cmdlet(VerbsCommon.Add, "CitusNode", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(CitusNode), typeof(ClusterChange))]
public sealed class AddCitusNodeCommand : NodeCmdlet
{
    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change((_, stop) => NodeChanger.PlanAddAsync(cluster, NodeName, NodePort, stop),
            (output, stop) => WriteAsync(cluster, output, n => (n.NodeName, n.NodePort) == (NodeName, NodePort), stop), NodeName);
    }
}
