namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ConnectionHeadroom() : CitusCheck(CheckCategory.Capacity,
    "Every node has connections to spare, for clients too (citus.max_client_connections), "
        + "and citus.max_shared_pool_size asks for no more than the nodes allow.",
    "A query over all shards opens several connections to each worker. A worker without a free slot refuses them, and the query fails.")
{
    // The databases' own counts, because everybody may see them.
    private static readonly Question<Slots> All = new(Ask.EveryNode, """
        SELECT pg_catalog.current_setting('max_connections')::int AS max_connections,
               pg_catalog.current_setting('max_connections')::int - pg_catalog.current_setting('superuser_reserved_connections')::int
                 - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0) AS open_to_all,
               (SELECT coalesce(sum(numbackends), 0) FROM pg_catalog.pg_stat_database)::int AS used,
               nullif(pg_catalog.current_setting('citus.max_client_connections', true)::int, -1) AS client_limit,
               -- Citus knows the nodes' own sessions by the name that they give themselves.
               (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datid IS NOT NULL
                   AND coalesce(backend_type, 'client backend') = 'client backend'
                  AND application_name !~ '^citus_(internal|rebalancer|run_command) gpid=')::int AS clients,
               (SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'citus.max_shared_pool_size') AS shared_pool_size
        """);

    public override Threshold Threshold => new(0.2, "share of a node's connections that must be free");

    public override IReadOnlyList<Question> Questions => [All];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Slots> all = facts.Of(All);
        string expected = $"{facts.Limit:P0} free on each node";
        Slots[] full = [.. all.Where(s => s.Free < facts.Limit)];
        if (full.Length > 0)
        {
            return new Verdict(CheckStatus.Warning, expected, Verdict.List(full.Select(s => s.Says)), full,
                "Close idle sessions, put PgBouncer before the application, "
                    + $"or raise {(full.Any(s => s.IsClientLimit) ? "citus.max_client_connections" : "max_connections")}: "
                    + "SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC;");
        }
        int smallest = all.Min(s => s.MaxConnections);
        Slots[] greedy = [.. all.Where(s => s.SharedPoolSize > smallest)];
        return greedy.Length > 0
            ? new Verdict(CheckStatus.Warning, $"citus.max_shared_pool_size at most {smallest}",
                $"{greedy[0].SharedPoolSize} on {Verdict.List(greedy.Select(s => s.Node))}, and a node has {smallest} connections", all,
                $"ALTER SYSTEM SET citus.max_shared_pool_size = {smallest}; SELECT pg_reload_conf(); "
                    + $"-- on {Verdict.List(greedy.Select(s => s.Node))}")
            : Verdict.Passed(expected, $"at least {all.Min(s => s.Free):P0} free");
    }

    /// <param name="OpenToAll">max_connections without those kept for superusers and for reserved roles.</param>
    /// <param name="ClientLimit">Sessions of clients that the node accepts, superusers apart; null is no limit.</param>
    /// <param name="Clients">Sessions that clients have, superusers' among them.</param>
    /// <param name="SharedPoolSize">Connections that the node may open to any other, or null where the user may not see it.</param>
    public sealed record Slots(string Node, int MaxConnections, int OpenToAll, int Used, int? ClientLimit, int Clients, int? SharedPoolSize)
    {
        /// <summary>The share that is free.</summary>
        public double Free => Math.Min(Share(Used, OpenToAll), ClientLimit is { } limit ? Share(Clients, limit) : 1);

        internal bool IsClientLimit => ClientLimit is { } limit && Share(Clients, limit) <= Share(Used, OpenToAll);

        internal string Says => IsClientLimit
            ? $"{Clients} of {ClientLimit} client connections used on {Node} (citus.max_client_connections)"
            : $"{Used} of {OpenToAll} used on {Node}";

        private static double Share(int used, int of) => of <= 0 ? 0 : Math.Max(0, Math.Round(1 - ((double)used / of), 3));
    }
}
