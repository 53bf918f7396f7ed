namespace Woodgrove.Citus.Validation.Checks;

/// <summary>
/// A client's session in a transaction; those that Citus itself opens on other nodes are left out. What pg_stat_activity
/// has of a session is null while it starts.
/// </summary>
/// <param name="Session">Citus's id of it over all nodes.</param>
/// <param name="TransactionSeconds">Since the transaction began.</param>
/// <param name="StateSeconds">Since the session is in its state.</param>
public sealed record ClientSession(
    string Node, int Pid, long Session, string? UserName, string? Application, string? State, double? TransactionSeconds, double? StateSeconds,
    string? Query)
{
    internal static readonly Question<ClientSession> Question = new(Ask.EveryNode, """
        SELECT pid, coalesce((SELECT n.nodeid FROM pg_catalog.pg_dist_node n JOIN pg_catalog.pg_dist_local_group g USING (groupid)
                WHERE n.noderole = 'primary'), 0) * 10000000000 + pid AS session, usename::text AS user_name, application_name AS application, state,
            extract(epoch FROM pg_catalog.clock_timestamp() - xact_start)::float8 AS transaction_seconds,
               extract(epoch FROM pg_catalog.clock_timestamp() - state_change)::float8 AS state_seconds,
                   pg_catalog.left(query, 200) AS query
        FROM pg_catalog.pg_stat_activity
        WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
            AND application_name NOT LIKE 'citus\_%'
        ORDER BY xact_start LIMIT 1000
        """);

    internal bool IsIdle => State?.StartsWith("idle in transaction", StringComparison.Ordinal) == true;
}
