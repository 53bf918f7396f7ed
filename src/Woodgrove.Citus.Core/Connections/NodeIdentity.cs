using Npgsql;

namespace Woodgrove.Citus.Connections;

/// <summary>Which node a session is on, as the node itself says.</summary>
/// <param name="GroupId">The group that <c>pg_dist_local_group</c> has; a standby has that of its primary.</param>
/// <param name="Name">The group's primary in the node's own <c>pg_dist_node</c>, or null.</param>
/// <param name="Nodes">The primaries that the node knows; 0 where it lacks the cluster's metadata, and its group tells nothing.</param>
internal sealed record NodeIdentity(int GroupId, NodeName? Name, int Nodes, bool IsInRecovery)
{
    /// <param name="wanted">Null is the coordinator, which its cluster may not list.</param>
    public bool Is(NodeName? wanted) => Nodes > 0 && !IsInRecovery && (wanted is null ? GroupId == 0 : Name == wanted);

    /// <summary>Asks a session, which need not be pinned.</summary>
    public static async Task<NodeIdentity> ReadAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT l.groupid, n.nodename, n.nodeport, pg_catalog.pg_is_in_recovery(), (SELECT pg_catalog.count(*)
                FROM pg_catalog.pg_dist_node a WHERE a.noderole OPERATOR(pg_catalog.=) 'primary')
            FROM pg_catalog.pg_dist_local_group l LEFT JOIN pg_catalog.pg_dist_node n
                ON n.groupid OPERATOR(pg_catalog.=) l.groupid AND n.noderole OPERATOR(pg_catalog.=) 'primary'
            """, session) { CommandTimeout = NodeDialer.SecondsToAnswer };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        NodeName? name = await row.IsDBNullAsync(1, stop) ? null : new NodeName(row.GetString(1), row.GetInt32(2));
        return new NodeIdentity(row.GetInt32(0), name, (int)row.GetInt64(4), row.GetBoolean(3));
    }

    public override string ToString() => $"group {GroupId} ({(IsInRecovery ? "a standby" : Name?.ToString() ?? "not in pg_dist_node")})";
}
