using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>Plans how a replica of a node becomes a node itself, which takes over a part of that node's shards without a copy.</summary>
/// <param name="strategy">Of pg_dist_rebalance_strategy, by which shards are divided; null is the cluster's default.</param>
/// <param name="warn">Receives sizes that could not be read.</param>
public sealed class NodeCloner(CitusConnection connection, string? strategy, Action<string> warn)
{
    /// <summary>Plans to register a replica as a clone.</summary>
    /// <param name="primary">The node whose replica it is.</param>
    /// <exception cref="Errors.CitusException">It would be refused.</exception>
    public async Task<ClusterChange> PlanAddAsync(string host, int port, string primary, CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(stop);
        var name = new NodeName(host, port);
        List<ClusterNode> nodes = await ClusterNode.ListAsync(session, stop);
        ClusterNode node = ClusterNode.Find(nodes, primary);
        if (node.CloneOf is not null) throw NodeErrors.Clone(node);
        if (node.GroupId == 0) throw NodeErrors.Coordinator(node);
        if (!node.IsPrimary) throw NodeErrors.Standby(node);
        if (!node.IsActive) throw NodeErrors.Inactive(node);
        if (!node.ShouldHaveShards) throw CloneErrors.NoShards(node);
        ClusterNode? there = nodes.Find(n => n.Name == name);
        if (there is not null && there.CloneOf != node.NodeId) throw NodeErrors.AddressTaken(name, there);
        if (there is null) await RequireReplicaAsync(session, name, node, isAdded: false, stop);
        return new ClusterChange
        {
            Action = $"Register {name} as a clone of {node.Name}",
            Target = name.ToString(),
            Sql = there is not null ? [] : [$"SELECT pg_catalog.citus_add_clone_node({NodeChanger.At(name)}, {NodeChanger.At(node.Name)})"],
            Locks = ["DDL on distributed tables and other changes of nodes wait for a moment.",
                "It stays a replica, and gets no queries, until it is completed."],
        };
    }

    /// <summary>Plans to make a clone a node.</summary>
    /// <param name="catchUp">How long Citus waits for the clone to have all that its primary has written.</param>
    /// <exception cref="Errors.CitusException">It would be refused.</exception>
    public async Task<ClusterChange> PlanCompleteAsync(string host, int port, TimeSpan catchUp, CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(stop);
        List<ClusterNode> nodes = await ClusterNode.ListAsync(session, stop);
        ClusterNode clone = ClusterNode.Find(nodes, new NodeName(host, port).ToString());
        if (clone.CloneOf is null) throw CloneErrors.NoClone(clone);
        ClusterNode primary = nodes.First(n => n.NodeId == clone.CloneOf);
        if (!primary.IsActive) throw NodeErrors.Inactive(primary);
        await RequireReplicaAsync(session, clone.Name, primary, isAdded: true, stop);
        await ShardRebalancer.RequireIdleAsync(session, strategy, stop);
        await NodeChanger.RequireDaemonAsync(session, primary, stop);
        List<CloneShard> shards = await SplitAsync(session, clone, primary, stop);
        CloneShard[] taken = [.. shards.Where(s => s.Node == clone.Name.ToString())];
        List<string> written = await WrittenAsync(session, primary, stop);
        string complete = $"pg_catalog.citus_promote_clone_and_rebalance({clone.NodeId}, "
            + $"{(strategy is null ? "NULL" : TableName.Literal(strategy))}, {(int)catchUp.TotalSeconds})";
        return new ClusterChange
        {
            Action = $"Make clone {clone.Name} a node, which takes over {taken.Length} of the {shards.Count} shards of {primary.Name}",
            Target = clone.Name.ToString(),
            // Citus itself only has writes through the coordinator wait: rows that came by another node in between would be lost.
            LockSql = written.Count == 0 ? null : $"LOCK TABLE {string.Join(", ", written)} IN EXCLUSIVE MODE",
            Sql = [$"SELECT {complete}"],
            Tables = taken.Select(s => s.Table).Distinct().ToListing(),
            Shards = taken.Select(s => s.ShardId).ToListing(),
            Locks = [$"Writes to {(written.Count == 1 ? "this table" : $"these {written.Count} tables")} wait on all nodes until the clone "
                + $"has caught up, which Citus waits {catchUp.TotalSeconds:0} seconds for at most, and is promoted; reads go on."],
            Losses = ["The clone's server is promoted, and is a replica no more. If the statement fails after that, the clone can't be "
                + "completed any more: it has to be removed and added again."],
        };
    }

    /// <summary>The clones of the cluster, with the plan of their shards.</summary>
    public async Task<IReadOnlyList<CitusNodeClone>> ListAsync(Predicate<string> isNamed, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        await RequireSupportAsync(session, stop);
        List<ClusterNode> nodes = await ClusterNode.ListAsync(session, stop);
        var clones = new List<CitusNodeClone>();
        foreach (ClusterNode clone in nodes.Where(n => n.CloneOf is not null && (isNamed(n.Name.Host) || isNamed(n.Name.ToString()))))
        {
            ClusterNode primary = nodes.First(n => n.NodeId == clone.CloneOf);
            CloneFacts? facts = await CloneFacts.ReadAsync(session, clone.Name, primary.Name, stop);
            clones.Add(new CitusNodeClone(clone.NodeId, clone.Name.Host, clone.Name.Port, primary.Name.ToString(),
                facts is { IsReplica: false } ? "promoted" : facts?.State, facts?.LagBytes,
                (await SplitAsync(session, clone, primary, stop)).ToListing()));
        }
        return clones;
    }

    /// <summary>The change that removes a clone.</summary>
    internal static ClusterChange Remove(ClusterNode clone) => new()
    {
        Action = $"Remove clone {clone.Name}", Target = clone.Name.ToString(),
        Sql = [$"SELECT pg_catalog.citus_remove_clone_node({NodeChanger.At(clone.Name)})"],
        Locks = ["DDL on distributed tables and other changes of nodes wait for a moment; the server stays what it is."],
    };

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken stop)
    {
        NpgsqlConnection session = await NodeChanger.OpenAsync(connection, stop);
        try
        {
            await RequireSupportAsync(session, stop);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    private async Task RequireSupportAsync(NpgsqlConnection session, CancellationToken stop)
    {
        if (!await session.ScalarAsync<bool>(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = 'citus_add_clone_node')", stop))
            throw ChangeErrors.NotSupported(connection, "Making a node of a replica", "13.2");
    }

    private static async Task RequireReplicaAsync(NpgsqlConnection session, NodeName clone, ClusterNode primary, bool isAdded,
        CancellationToken stop)
    {
        if (!await NodeChanger.AnswersAsync(session, primary.Name, stop)) throw NodeErrors.NoAnswer(primary.Name);
        if (await CloneFacts.ReadAsync(session, clone, primary.Name, stop) is not { } facts) throw NodeErrors.NoAnswer(clone);
        if (!facts.IsRelated) throw CloneErrors.Unrelated(clone, primary.Name);
        if (!facts.IsReplica) throw isAdded ? CloneErrors.Promoted(clone, primary.Name) : CloneErrors.NoReplica(clone, primary.Name);
        if (facts.State != "streaming") throw CloneErrors.NotStreaming(clone, primary.Name, facts.State);
        if (facts.IsSynchronous) throw CloneErrors.Synchronous(clone, primary.Name);
    }

    /// <summary>Where each shard is to be; Citus's plan has the sizes of the metadata, which are 0.</summary>
    private async Task<List<CloneShard>> SplitAsync(NpgsqlConnection session, ClusterNode clone, ClusterNode primary,
        CancellationToken stop)
    {
        Dictionary<long, long> sizes = (await ShardSizes.ReadAsync(connection, session, [], warn, stop)).Largest();
        return await session.ListAsync($"""
            SELECT {SearchPath.Show("p.table_name")}, p.shardid, p.placement_node = 'Clone Node'
            FROM pg_catalog.get_snapshot_based_node_split_plan($1, $2, $3, $4, $5::name) p ORDER BY 1, 2
            """, row => new CloneShard(row.GetString(0), row.GetInt64(1), sizes.TryGetValue(row.GetInt64(1), out long size) ? size : null,
                (row.GetBoolean(2) ? clone : primary).Name.ToString()),
            stop, primary.Name.Host, primary.Name.Port, clone.Name.Host, clone.Name.Port, strategy);
    }

    /// <summary>The tables that have rows on a node, quoted for SQL; partitions are locked with theirs.</summary>
    private static Task<List<string>> WrittenAsync(NpgsqlConnection session, ClusterNode primary, CancellationToken stop) =>
        session.ListAsync("""
            SELECT DISTINCT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
            FROM pg_catalog.pg_dist_placement l
            JOIN pg_catalog.pg_dist_shard s ON s.shardid = l.shardid
            JOIN pg_catalog.pg_class c ON c.oid = s.logicalrelid AND NOT c.relispartition
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE l.groupid = $1 ORDER BY 1
            """, row => row.GetString(0), stop, primary.GroupId);
}
