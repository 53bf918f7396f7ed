using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Shards;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Moves a shard, with those that are colocated with it, to another node.</summary>
[Cmdlet(VerbsCommon.Move, "ShardPlacement", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(ShardPlacement), typeof(ClusterChange))]
public sealed class MoveShardPlacementCommand : TransferCmdlet
{
    /// <summary>The shard.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(ShardCompleter))]
    public long ShardId { get; set; }

    /// <summary>The node that is to have it, such as 10.0.0.6:5432.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ArgumentCompleter(typeof(NodeCompleter))]
    [ValidateNotNullOrEmpty]
    public string ToNode { get; set; } = "";

    /// <summary>The node from which it is moved, where several have it.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NodeCompleter))]
    [ValidateNotNullOrEmpty]
    public string? FromNode { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change((output, stop) => ShardMover.PlanAsync(cluster, ShardId, ToNode, FromNode, Mode, output.Warning, stop),
            (output, stop) => WriteAsync(output, ClusterMetadata.PlacementsAsync(cluster, ShardId, stop)), ShardId);
    }
}
