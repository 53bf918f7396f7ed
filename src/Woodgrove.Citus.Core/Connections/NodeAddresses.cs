using System.Globalization;

namespace Woodgrove.Citus.Connections;

/// <summary>Maps the names that the cluster's nodes have among themselves to addresses that this machine can reach.</summary>
internal sealed class NodeAddresses(IReadOnlyDictionary<string, string>? map)
{
    /// <summary>The address of a node: <c>host</c> or <c>host:port</c> of the map, else the cluster's own.</summary>
    public NodeName Resolve(NodeName node)
    {
        if (map is null || !(map.TryGetValue(node.ToString(), out string? to) || map.TryGetValue(node.Host, out to))) return node;
        return to.Split(':') is [var host, var number] && int.TryParse(number, CultureInfo.InvariantCulture, out int port)
            ? new NodeName(host, port) : node with { Host = to };
    }

    /// <summary>The same with further entries, which come before those that there are.</summary>
    public NodeAddresses With(IReadOnlyDictionary<string, string> more) =>
        more.Count == 0 ? this : new(new Dictionary<string, string>([.. (map ?? new Dictionary<string, string>())
            .Where(entry => !more.ContainsKey(entry.Key) && !more.ContainsKey(entry.Key.Split(':')[0])), .. more]));
}
