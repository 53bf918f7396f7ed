using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Nodes;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Nodes;

/// <summary>Registers a streaming replica of a node as one that is to become a node itself.</summary>
[Cmdlet(VerbsCommon.Add, "CitusNodeClone", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(CitusNodeClone), typeof(ClusterChange))]
public sealed class AddCitusNodeCloneCommand : NodeCmdlet
{
    /// <summary>The node whose replica it is, such as 10.0.0.6:5432.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NodeCompleter))]
    [ValidateNotNullOrEmpty]
    public string Primary { get; set; } = "";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change((output, stop) => new NodeCloner(cluster, null, output.Warning).PlanAddAsync(NodeName, NodePort, Primary, stop),
            async (output, stop) =>
            {
                foreach (CitusNodeClone clone in await new NodeCloner(cluster, null, output.Warning)
                    .ListAsync(name => name == $"{NodeName}:{NodePort}", stop)) await output.ObjectAsync(clone);
            }, NodeName);
    }
}
