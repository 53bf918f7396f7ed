using System.Collections;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Nodes;

/// <summary>Completes names of nodes, without their ports.</summary>
internal sealed class NodeNameCompleter : CatalogCompleter
{
    protected override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop)
    {
        var names = new SortedSet<string>();
        await foreach (CitusNode node in ClusterMetadata.NodesAsync(connection, withSizes: false, _ => { }, stop, reach: false))
            names.Add(node.NodeName);
        return [.. names];
    }
}
