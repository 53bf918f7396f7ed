using Npgsql;

namespace Woodgrove.Citus.Connections;

/// <summary>Which server of a cluster a session is on.</summary>
/// <param name="SystemIdentifier">The database cluster's identifier, 16 hexadecimal digits; a physical copy has the same.</param>
/// <param name="IsInRecovery">True on a standby.</param>
/// <param name="GroupId">The node's group; 0 is the coordinator, and a server without Citus.</param>
/// <param name="Coordinator">Where the node's own metadata say that the coordinator is, or null.</param>
internal sealed record CoordinatorFacts(string SystemIdentifier, bool IsInRecovery, int GroupId, NodeName? Coordinator)
{
    /// <summary>When a session's server started: the same server by another address has the same.</summary>
    public const string Start = "SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text";

    /// <summary>True on the primary of the coordinator, the only server that keeps a ledger.</summary>
    public bool IsCoordinator => GroupId == 0 && !IsInRecovery;

    public static async Task<CoordinatorFacts> ReadAsync(NpgsqlConnection session, bool hasCitus, CancellationToken stop)
    {
        string identifier = await IdentifierAsync(session, stop);
        string sql = hasCitus
            ? """
              SELECT pg_catalog.pg_is_in_recovery(), (SELECT groupid FROM pg_catalog.pg_dist_local_group), n.nodename, n.nodeport
              FROM (SELECT) one LEFT JOIN pg_catalog.pg_dist_node n ON n.groupid OPERATOR(pg_catalog.=) 0
                  AND n.noderole OPERATOR(pg_catalog.=) 'primary'
              """
            : "SELECT pg_catalog.pg_is_in_recovery(), 0, NULL::text, NULL::int";
        return (await session.FirstAsync(sql, row => new CoordinatorFacts(identifier, row.GetBoolean(0), row.GetInt32(1),
            row.IsDBNull(2) ? null : new NodeName(row.GetString(2), row.GetInt32(3))), stop))!;
    }

    /// <summary>The identifier of a session's database cluster.</summary>
    public static async Task<string> IdentifierAsync(NpgsqlConnection session, CancellationToken stop)
    {
        try
        {
            return (await session.ScalarAsync<string>("SELECT pg_catalog.to_hex(system_identifier) FROM pg_catalog.pg_control_system()",
                stop))!.PadLeft(16, '0');
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            // Where a managed service withholds the function: the identifier that Citus gave the cluster.
            return (await session.ScalarAsync<string>("SELECT pg_catalog.left(pg_catalog.md5(metadata::text), "
                + "16) FROM pg_catalog.pg_dist_node_metadata", stop))!;
        }
    }
}
