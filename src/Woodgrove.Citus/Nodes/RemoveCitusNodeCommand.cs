using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Nodes;

namespace Woodgrove.Citus.Nodes;

/// <summary>Removes a node from the cluster.</summary>
[Cmdlet(VerbsCommon.Remove, "CitusNode", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(ClusterChange))]
public sealed class RemoveCitusNodeCommand : NodeCmdlet
{
    /// <summary>Moves its shards to other nodes first.</summary>
    [Parameter]
    public SwitchParameter Drain { get; set; }

    /// <summary>How rows are copied, in Citus's words.</summary>
    [Parameter]
    [ValidateSet("auto", "force_logical", "block_writes")]
    public string TransferMode { get; set; } = "auto";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change((output, stop) => NodeRemover.PlanAsync(cluster, NodeName, NodePort, Drain, TransferMode.ToLowerInvariant(), output.Warning, stop),
            (_, _) => Task.CompletedTask, NodeName);
    }
}
