using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Activity;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations.Shards;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Sql;
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
        bool hasRecords = node.IsPrimary && await session.ScalarAsync<bool>(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_cleanup WHERE node_group_id = $1)", stop, node.GroupId);
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
            ReferenceCopies copies = await ReferenceCopies.ReadAsync(session, mode, null, stop);
            List<(long[] Shards, string Target)> moves = await PlanMovesAsync(connection, session, node, stop);
            long[] moved = [.. moves.SelectMany(m => m.Shards)];
            if (moved.Length < shards.Count) throw NodeErrors.NoOtherNode(node, shards.Count - moved.Length);
            Dictionary<long, long> sizes = (await ShardSizes.ReadAsync(connection, session, [], warn, stop)).Largest();
            sql.AddRange(copies.Sql);
            sql.Add($"SELECT pg_catalog.citus_set_node_property({NodeChanger.At(node.Name)}, 'shouldhaveshards', false)");
            sql.AddRange(moves.Select(m => ShardMover.Move(m.Shards[0].ToString(CultureInfo.InvariantCulture), node,
                ClusterNode.Find(nodes, m.Target), mode)));
            change = change with
            {
                Action = $"Move the shards of node {node.Name} to others and remove it",
                Tables = shards.Tables.ToListing(), Shards = moved,
                SizeBytes = moved.All(sizes.ContainsKey) ? moved.Sum(s => sizes[s]) : null,
                Locks = [.. copies.Locks, ShardGroup.WaitOf(mode)],
            };
        }
        // Once the node is gone, Citus drops nothing there any more, keeps the records of it, and refuses to move these shards again.
        if (answers && (hasRecords || shards.Count > 0)) sql.AddRange([LeftoverSearch.CleanUp, Dropped(node)]);
        // Of a node that does not answer, Citus first has to be told that it is gone.
        if (!answers && node.IsActive) sql.Add(NodeChanger.Disable(node.Name));
        sql.Add($"SELECT pg_catalog.citus_remove_node({NodeChanger.At(node.Name)})");
        if (!answers && hasRecords) sql.Add($"DELETE FROM pg_catalog.pg_dist_cleanup WHERE node_group_id = {Group(node)}");
        return change with { Sql = sql, Locks = [.. change.Locks, "DDL on distributed tables waits while the node is removed from the metadata."] };
    }

    /// <summary>Waits until what was moved off the node is dropped there: a statement that still reads it holds it.</summary>
    private static string Dropped(ClusterNode node) => DaemonWait.For(
        $"SELECT FROM pg_catalog.pg_dist_cleanup WHERE node_group_id = {Group(node)}", 30,
        $"EXCEPTION USING MESSAGE = {TableName.Literal($"shards that were moved off {node.Name} could not be dropped there yet")}, "
            + "ERRCODE = 'object_in_use', HINT = 'Statements that still read them hold them. Once these have ended, run the same "
            + "command again.'");

    private static string Group(ClusterNode node) => node.GroupId.ToString(CultureInfo.InvariantCulture);

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
