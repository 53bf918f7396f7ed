using Npgsql;

namespace Woodgrove.Citus.Connections;

/// <summary>Maps the names that the cluster's nodes have among themselves to addresses that this machine can reach.</summary>
internal sealed class NodeAddresses(IReadOnlyDictionary<string, string>? map)
{
    /// <summary>The address of a node: <c>host</c> or <c>host:port</c> of the map, else the cluster's own.</summary>
    public (string Host, int Port) Resolve(string name, int port)
    {
        if (map is null || !(map.TryGetValue($"{name}:{port}", out string? to) || map.TryGetValue(name, out to))) return (name, port);
        return to.Split(':') is [var host, var number] && int.TryParse(number, out int mapped) ? (host, mapped) : (to, port);
    }

    /// <summary>All primary nodes that take part in the cluster.</summary>
    /// <param name="disabledToo">Those too that are disabled.</param>
    public Task<List<(string Host, int Port)>> NodesAsync(NpgsqlConnection session, bool disabledToo, CancellationToken stop) =>
        session.ListAsync("SELECT nodename, nodeport FROM pg_catalog.pg_dist_node WHERE (isactive OR $1) AND "
            + "noderole = 'primary' ORDER BY 1, 2", row => Resolve(row.GetString(0), row.GetInt32(1)), stop, disabledToo);
}
