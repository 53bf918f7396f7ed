using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Shards;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Splits a shard, with those that are colocated with it, into parts of its range of hashes.</summary>
[Cmdlet(VerbsCommon.Split, "Shard", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium,
    DefaultParameterSetName = "Measured")]
[OutputType(typeof(ShardPlacement), typeof(ClusterChange))]
public sealed class SplitShardCommand : TransferCmdlet
{
    /// <summary>The shard.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(ShardCompleter))]
    public long ShardId { get; set; }

    /// <summary>The highest hash of each part but the last.</summary>
    [Parameter(ParameterSetName = "Points", Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public int[] SplitPoint { get; set; } = [];

    /// <summary>How many parts of about equally many rows.</summary>
    [Parameter(ParameterSetName = "Measured")]
    [ValidateRange(2, 1000)]
    public int Into { get; set; } = 2;

    /// <summary>The nodes that take the parts after the first, in turn.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NodeCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] ToNode { get; set; } = [];

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        ShardPlacement? whole = null;
        Change(
            async (output, stop) =>
            {
                ClusterChange change = await ShardSplitter.PlanAsync(cluster, new ShardSplit(ShardId, SplitPoint, Into, ToNode, Mode),
                    output.Verbose, output.Warning, stop);
                await foreach (ShardPlacement placement in ClusterMetadata.PlacementsAsync(cluster, ShardId, stop)) whole = placement;
                return change;
            },
            (output, stop) => WriteAsync(output,
                ClusterMetadata.PlacementsAsync(cluster, [whole!.Table], null, withSizes: true, output.Warning, stop),
                part => part.HashMin >= whole.HashMin && part.HashMax <= whole.HashMax),
            ShardId);
    }
}
