using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations;

/// <summary>A node as a change needs it.</summary>
internal sealed record ClusterNode(int NodeId, int GroupId, NodeName Name, bool IsActive, bool ShouldHaveShards, bool IsPrimary)
{
    /// <summary>The id of the node whose replica this one is, where it is a clone; else null.</summary>
    public int? CloneOf { get; init; }

    public static Task<List<ClusterNode>> ListAsync(NpgsqlConnection session, CancellationToken stop) =>
        session.ListAsync("""
            SELECT nodeid, groupid, nodename, nodeport, isactive, shouldhaveshards, noderole = 'primary', -- clones: from Citus 13.2 on
                CASE WHEN pg_catalog.to_jsonb(n) ->> 'nodeisclone' = 'true' THEN (pg_catalog.to_jsonb(n) ->> 'nodeprimarynodeid')::int END
            FROM pg_catalog.pg_dist_node n ORDER BY groupid, nodeid
            """, row => new ClusterNode(row.GetInt32(0), row.GetInt32(1), new NodeName(row.GetString(2), row.GetInt32(3)),
                row.GetBoolean(4), row.GetBoolean(5), row.GetBoolean(6)) { CloneOf = row.IsDBNull(7) ? null : row.GetInt32(7) }, stop);

    /// <summary>The node that the user named: with its port, or by a name that only one node has.</summary>
    /// <exception cref="Errors.CitusException">There is none, or several have the name.</exception>
    public static ClusterNode Find(IReadOnlyList<ClusterNode> nodes, string name)
    {
        List<ClusterNode> found = [.. nodes.Where(n => n.Name.ToString().Equals(name, StringComparison.OrdinalIgnoreCase))];
        if (found.Count == 0) found = [.. nodes.Where(n => n.Name.Host.Equals(name, StringComparison.OrdinalIgnoreCase))];
        return found.Count == 1 ? found[0] : throw NodeErrors.NotFound(name, found.Count, nodes);
    }

    /// <summary>The node to which shards are to go.</summary>
    /// <exception cref="Errors.CitusException">It can have none.</exception>
    public static ClusterNode FindTarget(IReadOnlyList<ClusterNode> nodes, string name)
    {
        ClusterNode target = Find(nodes, name);
        return target.CloneOf is not null ? throw NodeErrors.Clone(target)
            : !target.IsPrimary ? throw NodeErrors.Standby(target)
            : !target.IsActive ? throw NodeErrors.Inactive(target)
            : !target.ShouldHaveShards ? throw NodeErrors.TakesNoShards(target)
            : target;
    }
}
