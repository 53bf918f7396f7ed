using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations.Nodes;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Nodes;

/// <summary>Lists the clones of the cluster, with their lag and the shards that each is to take over.</summary>
[Cmdlet(VerbsCommon.Get, "CitusNodeClone")]
[OutputType(typeof(CitusNodeClone))]
public sealed class GetCitusNodeCloneCommand : ConnectedCmdlet
{
    /// <summary>Names of clones, with or without their ports; wildcards are allowed. All by default.</summary>
    [Parameter(Position = 0)]
    [ArgumentCompleter(typeof(NodeNameCompleter))]
    [SupportsWildcards]
    public string NodeName { get; set; } = "*";

    /// <summary>What both nodes are to be made even in: by_disk_size, by_shard_count, or a strategy of one's own.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(StrategyCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Strategy { get; set; }

    protected override void EndProcessing()
    {
        CitusConnection cluster = Cluster;
        var pattern = Wildcard.Parse(NodeName);
        Run(async (output, stop) =>
        {
            foreach (CitusNodeClone clone in await new NodeCloner(cluster, Strategy, output.Warning).ListAsync(pattern.IsMatch, stop))
                await output.ObjectAsync(clone);
        }, NodeName);
    }
}
