using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>Plans changes of the cluster's nodes.</summary>
public static class NodeChanger
{
    /// <summary>
    /// Waits until the nodes have a changed address: Citus refuses DDL and changes of nodes until then. The maintenance daemon copies
    /// it there, but may wait for citus.node_connection_timeout (30 s) for a server that is gone before it does.
    /// </summary>
    private static readonly string AwaitMetadata = DaemonWait.For(
        "SELECT FROM pg_catalog.pg_dist_node WHERE isactive AND hasmetadata AND NOT metadatasynced", 60,
        "WARNING 'not all nodes have the changed address yet (pg_dist_node.metadatasynced); until they have it, Citus refuses DDL on "
            + "distributed tables and changes of nodes'");

    /// <summary>Plans to add a server as a node, or to activate one that is there.</summary>
    /// <exception cref="Errors.CitusException">It would be refused.</exception>
    public static async Task<ClusterChange> PlanAddAsync(CitusConnection connection, string host, int port, CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(connection, stop);
        var name = new NodeName(host, port);
        ClusterNode? there = (await ClusterNode.ListAsync(session, stop)).Find(n => n.Name == name);
        if (there is { CloneOf: not null }) throw NodeErrors.Clone(there);
        if (there is null or { IsActive: false } && !await AnswersAsync(session, name, stop)) throw NodeErrors.NoAnswer(name);
        return new ClusterChange
        {
            Action = $"Add node {name}",
            Target = name.ToString(),
            Sql = there is { IsActive: true } ? [] : [$"SELECT pg_catalog.citus_add_node({At(name)})"],
            Locks =
            [
                "DDL on distributed tables and other changes of nodes wait while the metadata is copied to it.",
                "It gets shards, and copies of the reference tables, when a rebalance moves shards there.",
            ],
        };
    }

    /// <summary>Plans to change a node.</summary>
    /// <exception cref="Errors.CitusException">It would be refused.</exception>
    public static async Task<ClusterChange> PlanSetAsync(CitusConnection connection, string host, int port, NodeOrder order,
        CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(connection, stop);
        List<ClusterNode> nodes = await ClusterNode.ListAsync(session, stop);
        ClusterNode node = ClusterNode.Find(nodes, new NodeName(host, port).ToString());
        if (node.CloneOf is not null) throw NodeErrors.Clone(node);
        var sql = new List<string>();
        var locks = new List<string>();
        NodeName name = node.Name;
        if (order.Address is { } text && Parse(text) is var address && address != name)
        {
            if (nodes.Find(n => n.Name == address) is { } other) throw NodeErrors.AddressTaken(address, other);
            if (!await AnswersAsync(session, address, stop)) throw NodeErrors.NoAnswer(address);
            await RequireDaemonAsync(session, node, stop);
            sql.Add($"SELECT pg_catalog.citus_update_node({node.NodeId}, {At(address)})");
            sql.Add(AwaitMetadata);
            locks.Add("Statements on shards of the node wait until its address is changed, which waits for those that run.");
            name = address;
        }
        if (order.Enabled is true && !node.IsActive)
        {
            if (!await AnswersAsync(session, name, stop)) throw NodeErrors.NoAnswer(name);
            sql.Add($"SELECT pg_catalog.citus_activate_node({At(name)})");
            locks.Add("DDL on distributed tables waits while the metadata is copied to it.");
        }
        if (order.ShouldHaveShards is { } should && should != node.ShouldHaveShards)
            sql.Add($"SELECT pg_catalog.citus_set_node_property({At(name)}, 'shouldhaveshards', {(should ? "true" : "false")})");
        if (order.Enabled is false && node.IsActive)
        {
            if (node.GroupId == 0) throw NodeErrors.Coordinator(node);
            NodeShards shards = await NodeShards.ReadAsync(session, node, stop);
            if (shards.Count > 0) throw NodeErrors.LastCopiesDisabled(node, shards.Count, shards.Tables);
            await RequireDaemonAsync(session, node, stop);
            sql.Add(Disable(name));
        }
        return new ClusterChange
        {
            Action = $"Change node {node.Name}" + (name == node.Name ? "" : $" to {name}"), Target = node.Name.ToString(), Sql = sql,
            Locks = locks,
        };
    }

    /// <summary>A session to change nodes in.</summary>
    internal static async Task<NpgsqlConnection> OpenAsync(CitusConnection connection, CancellationToken stop)
    {
        NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        try
        {
            if (!connection.IsCitus) throw ChangeErrors.NotSupported(connection, "Changing the nodes of a cluster");
            if (!await session.ScalarAsync<bool>("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user", stop))
                throw NodeErrors.NoRight(connection);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Whether the coordinator reaches the database there. Asked twice: Citus may have kept a session to a server that has been
    /// restarted since, which fails once.
    /// </summary>
    internal static async Task<bool> AnswersAsync(NpgsqlConnection session, NodeName name, CancellationToken stop)
    {
        const string ask = "SELECT pg_catalog.citus_check_connection_to_node($1, $2)";
        return await session.ScalarAsync<bool>(ask, stop, name.Host, name.Port)
            || await session.ScalarAsync<bool>(ask, stop, name.Host, name.Port);
    }

    /// <summary>SQL of a node that the cluster no longer counts on, synchronous: a dead node is in nobody's way then.</summary>
    internal static string Disable(NodeName name) => $"SELECT pg_catalog.citus_disable_node({At(name)}, synchronous := true)";

    /// <summary>Host and port as two arguments.</summary>
    internal static string At(NodeName name) => $"{TableName.Literal(name.Host)}, {name.Port}";

    /// <summary>Citus 13.2 and 14.0 crash a server that changes a node's address before its maintenance daemon runs.</summary>
    internal static async Task RequireDaemonAsync(NpgsqlConnection session, ClusterNode node, CancellationToken stop)
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            if (await session.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE datname = current_database() "
                + "AND application_name LIKE 'Citus Maintenance Daemon%')", stop)) return;
            await Task.Delay(100, stop);
        }
        throw NodeErrors.NoDaemon(node.Name.ToString());
    }

    private static NodeName Parse(string address) =>
        address.LastIndexOf(':') is > 0 and var colon && int.TryParse(address.AsSpan(colon + 1), System.Globalization.NumberStyles.None,
            System.Globalization.CultureInfo.InvariantCulture, out int port) && port is > 0 and < 65536
            ? new NodeName(address[..colon], port) : throw NodeErrors.NoAddress(address);
}
