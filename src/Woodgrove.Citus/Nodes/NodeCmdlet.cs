using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Nodes;

/// <summary>A cmdlet that changes a node.</summary>
public abstract class NodeCmdlet : ChangeCmdlet
{
    /// <summary>The node's name, as the other nodes reach it.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string NodeName { get; set; } = "";

    /// <summary>The node's port.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NodePortCompleter))]
    [ValidateRange(1, 65535)]
    public int NodePort { get; set; } = 5432;

    /// <summary>Writes the node as it is now.</summary>
    private protected static async Task WriteAsync(CitusConnection cluster, CmdletOutput output, Predicate<CitusNode> isIt,
        CancellationToken stop)
    {
        await foreach (CitusNode node in ClusterMetadata.NodesAsync(cluster, withSizes: false, output.Warning, stop))
            if (isIt(node)) await output.ObjectAsync(node);
    }
}
