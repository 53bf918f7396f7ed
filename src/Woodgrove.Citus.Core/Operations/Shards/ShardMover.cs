using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Shards;

/// <summary>Plans the move of a shard, with those that are colocated with it, to another node.</summary>
public static class ShardMover
{
    /// <param name="toNode">A node by its name with port, or by its name.</param>
    /// <param name="fromNode">Which placement moves, where there are several.</param>
    /// <param name="mode">Citus's own word: auto, force_logical or block_writes.</param>
    /// <param name="warn">Receives sizes that could not be read.</param>
    /// <exception cref="Errors.CitusException">The move would be refused.</exception>
    public static async Task<ClusterChange> PlanAsync(CitusConnection connection, long shardId, string toNode, string? fromNode, string mode,
        Action<string> warn, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        if (!connection.IsCitus) throw ChangeErrors.NotSupported(connection, "Moving a shard");
        List<ClusterNode> nodes = await ClusterNode.ListAsync(session, stop);
        ClusterNode target = ClusterNode.FindTarget(nodes, toNode);
        ShardGroup group = await ShardGroup.ReadAsync(connection, session, shardId, warn, stop);
        if (group.NodeIds.Contains(target.NodeId) && fromNode is null) return Change(group, target, []);
        ClusterNode source = SourceOf(group, nodes, fromNode);
        if (source == target) return Change(group, target, []);
        await group.RequireTransferableAsync(session, mode, stop);
        ReferenceCopies copies = await ReferenceCopies.ReadAsync(session, mode, null, stop);
        return Change(group, target, [.. copies.Sql,
            Move(shardId.ToString(System.Globalization.CultureInfo.InvariantCulture), source, target, mode)]) with
        {
            Shards = group.Shards, Tables = group.Tables, SizeBytes = group.SizeBytes, Locks = [.. copies.Locks, .. group.Locks(mode)],
        };
    }

    /// <param name="shard">SQL of the shard's id.</param>
    internal static string Move(string shard, ClusterNode source, ClusterNode target, string mode) =>
        $"SELECT pg_catalog.citus_move_shard_placement({shard}, {At(source)}, {At(target)}, {ShardGroup.Mode(mode)})";

    private static string At(ClusterNode node) => $"{TableName.Literal(node.Name.Host)}, {node.Name.Port}";

    private static ClusterChange Change(ShardGroup group, ClusterNode target, string[] sql) => new()
    {
        Action = $"Move shard {group.ShardId} of {group.Table} to {target.Name}",
        Target = $"shard {group.ShardId}",
        Sql = sql,
    };

    private static ClusterNode SourceOf(ShardGroup group, List<ClusterNode> nodes, string? fromNode)
    {
        ClusterNode[] on = [.. nodes.Where(n => group.NodeIds.Contains(n.NodeId))];
        IEnumerable<string> names = on.Select(n => n.Name.ToString());
        if (fromNode is null) return on.Length == 1 ? on[0] : throw TransferErrors.SeveralPlacements(group.ShardId, names);
        ClusterNode source = ClusterNode.Find(nodes, fromNode);
        return on.Contains(source) ? source : throw TransferErrors.NotOnNode(group.ShardId, fromNode, names);
    }
}
