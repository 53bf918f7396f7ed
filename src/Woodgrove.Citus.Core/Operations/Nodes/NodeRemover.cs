using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations.Shards;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>Plans to remove a node, with the moves of its shards where it is to be drained.</summary>
public static class NodeRemover
{
    /// <param name="drain">Moves its shards to other nodes first.</param>
    /// <param name="mode">Citus's own word: auto, force_logical or block_writes.</param>
    /// <param name="warn">Receives sizes that could not be read.</param>
    /// <exception cref="Errors.CitusException">It would be refused, or the last copy of a shard be lost.</exception>
    public static async Task<ClusterChange> PlanAsync(CitusConnection connection, string host, int port, bool drain, string mode,
        Action<string> warn, CancellationToken stop)
    {
        await using NpgsqlConnection session = await NodeChanger.OpenAsync(connection, stop);
        List<ClusterNode> nodes = await ClusterNode.ListAsync(session, stop);
        ClusterNode node = ClusterNode.Find(nodes, new NodeName(host, port).ToString());
        if (node.GroupId == 0 && node.IsPrimary) throw NodeErrors.Coordinator(node);
        if (node.CloneOf is not null) return NodeCloner.Remove(node);
        NodeShards shards = await NodeShards.ReadAsync(session, node, stop);
        bool answers = await NodeChanger.AnswersAsync(session, node.Name, stop);
        if (shards.Count > 0 && !answers) throw NodeErrors.DeadWithLastCopies(node, shards.Count, shards.Tables);
        if (shards.Count > 0 && !drain) throw NodeErrors.LastCopies(node, shards.Count, shards.Tables);
        var change = new ClusterChange { Action = $"Remove node {node.Name}", Target = node.Name.ToString(), Sql = [] };
        var sql = new List<string>();
        if (shards.Count > 0)
        {
            if (mode == "auto" && shards.Keyless.Count > 0) throw NodeErrors.NoIdentity(node, shards.Keyless);
            if (!nodes.Exists(n => n != node && n is { IsPrimary: true, IsActive: true, ShouldHaveShards: true }))
                throw NodeErrors.NoOtherNode(node, shards.Count);
            List<(long[] Shards, string Target)> moves = await PlanMovesAsync(connection, session, node, stop);
            long[] moved = [.. moves.SelectMany(m => m.Shards)];
            if (moved.Length < shards.Count) throw NodeErrors.NoOtherNode(node, shards.Count - moved.Length);
            Dictionary<long, long> sizes = (await ShardSizes.ReadAsync(connection, session, [], warn, stop)).Largest();
            sql.Add($"SELECT pg_catalog.citus_set_node_property({NodeChanger.At(node.Name)}, 'shouldhaveshards', false)");
            sql.AddRange(moves.Select(m => ShardMover.Move(m.Shards[0].ToString(CultureInfo.InvariantCulture), node,
                ClusterNode.Find(nodes, m.Target), mode)));
            // Once the node is gone, Citus can't drop what was moved off it any more, and keeps the records of it.
            sql.Add("CALL pg_catalog.citus_cleanup_orphaned_resources()");
            change = change with
            {
                Action = $"Move the shards of node {node.Name} to others and remove it",
                Tables = shards.Tables.ToListing(), Shards = moved,
                SizeBytes = moved.All(sizes.ContainsKey) ? moved.Sum(s => sizes[s]) : null,
                Locks = [ShardGroup.WaitOf(mode)],
            };
        }
        // Of a node that does not answer, Citus first has to be told that it is gone.
        if (!answers && node.IsActive) sql.Add(NodeChanger.Disable(node.Name));
        sql.Add($"SELECT pg_catalog.citus_remove_node({NodeChanger.At(node.Name)})");
        return change with { Sql = sql, Locks = [.. change.Locks, "DDL on distributed tables waits while the node is removed from the metadata."] };
    }

    /// <summary>The moves that Citus's rebalancer plans where the node should have no shards, which it is told in a transaction that is rolled back.</summary>
    private static async Task<List<(long[] Shards, string Target)>> PlanMovesAsync(CitusConnection connection, NpgsqlConnection session,
        ClusterNode node, CancellationToken stop)
    {
        await using NpgsqlTransaction dryRun = await session.BeginTransactionAsync(stop);
        try
        {
            await session.ExecuteAsync("SELECT pg_catalog.citus_set_node_property($1, $2, 'shouldhaveshards', false)", stop,
                node.Name.Host, node.Name.Port);
            return await session.ListAsync("SELECT p.shards, p.target FROM "
                + $"({ShardRebalancer.ShardGroups("drain_only := true")}) p WHERE p.source = $1 ORDER BY p.ordinal",
                row => (row.GetFieldValue<long[]>(0), row.GetString(1)), stop, node.Name.ToString());
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ConnectionFailure && e.InvariantSeverity == "ERROR")
        {
            await dryRun.RollbackAsync(stop);
            throw ShardErrors.NotPlanned(connection, await NodeRefusal.ReasonAsync(session, e, stop), e);
        }
    }
}
