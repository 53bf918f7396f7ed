using System.Globalization;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Completes numbers of shards, with the table and the node of each.</summary>
internal sealed class ShardCompleter : TipCompleter
{
    protected override async Task<IReadOnlyDictionary<string, string>> TipsAsync(CitusConnection connection, CancellationToken stop)
    {
        var tips = new SortedDictionary<string, string>(StringComparer.Ordinal);
        await foreach (ShardPlacement shard in ClusterMetadata.PlacementsAsync(connection, [], null, withSizes: false, _ => { }, stop))
            tips[shard.ShardId.ToString(CultureInfo.InvariantCulture)] = $"{shard.Table} on {shard.NodeName}:{shard.NodePort}";
        return tips;
    }
}
