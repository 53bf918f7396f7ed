namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ClientTls() : CitusCheck(CheckCategory.Security,
    "Clients from other machines are connected over TLS.",
    "Without it, passwords other than SCRAM's and all rows can be read on the way.")
{
    private static readonly Question<Client> Clients = new(Ask.EveryNode, """
        SELECT a.usename::text AS user_name, pg_catalog.host(a.client_addr) AS address, a.application_name AS application,
            count(*) AS connections
        FROM pg_catalog.pg_stat_ssl s JOIN pg_catalog.pg_stat_activity a USING (pid)
        WHERE NOT s.ssl AND a.client_addr IS NOT NULL AND a.backend_type = 'client backend' AND a.application_name NOT LIKE 'citus\_%'
              -- One that is starting (PostgreSQL 18 shows such) has yet to agree on TLS.
              AND a.state IS DISTINCT FROM 'starting'
        GROUP BY 1, 2, 3 LIMIT 1000
        """);

    public override string Role => "pg_read_all_stats";

    public override IReadOnlyList<Question> Questions => [Clients];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless([.. facts.Of(Clients).Where(c => !Loopback.Is(c.Address))], CheckStatus.Failed,
        "TLS for all that come over the network",
        facts.Of(Clients).Count == 0 ? "every client uses TLS" : "those without it are on the node's own machine",
        open => Verdict.List(open.Select(c => $"{c.UserName ?? "a dropped role"} from {c.Address} to {c.Node} ({c.Application})")),
        open => "In pg_hba.conf write hostssl in place of host, then SELECT pg_reload_conf();");

    public sealed record Client(string Node, string? UserName, string Address, string? Application, long Connections);
}
