using System.Collections;
using System.Globalization;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Nodes;

/// <summary>Completes the ports of the nodes that have the name which -NodeName gives.</summary>
internal sealed class NodePortCompleter : CatalogCompleter
{
    protected override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop)
    {
        string? name = bound["NodeName"]?.ToString();
        var ports = new SortedSet<int>();
        await foreach (CitusNode node in ClusterMetadata.NodesAsync(connection, withSizes: false, _ => { }, stop, reach: false))
            if (name is null || node.NodeName == name) ports.Add(node.NodePort);
        return [.. ports.Select(p => p.ToString(CultureInfo.InvariantCulture))];
    }
}
