using System.Collections;
using System.Globalization;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Completes numbers of shards, with the table and the node of each.</summary>
internal sealed class ShardCompleter : CatalogCompleter
{
    private readonly SortedDictionary<string, string> _tips = new(StringComparer.Ordinal);

    protected override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop)
    {
        await foreach (ShardPlacement shard in ClusterMetadata.PlacementsAsync(connection, [], null, withSizes: false, _ => { }, stop))
            _tips[shard.ShardId.ToString(CultureInfo.InvariantCulture)] = $"{shard.Table} on {shard.NodeName}:{shard.NodePort}";
        return [.. _tips.Keys];
    }

    protected override string Describe(string name) => _tips[name];
}
