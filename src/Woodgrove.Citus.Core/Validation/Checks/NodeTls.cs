namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NodeTls() : CitusCheck(CheckCategory.Security,
    "Connections between nodes are encrypted, unless they never leave the machine.",
    "Rows, and the passwords of the nodes, travel between the nodes with every query.")
{
    private static readonly Question<Transport> Transports = new(Ask.EveryNode, """
        SELECT pg_catalog.current_setting('ssl') = 'on' AS ssl, (SELECT setting FROM pg_catalog.pg_settings
            WHERE name = 'citus.node_conninfo') AS node_conninfo
        """);

    public override string Role => "pg_read_all_settings";

    public override IReadOnlyList<Question> Questions => [Transports];

    public override Verdict Decide(Facts facts)
    {
        const string expected = "ssl = on, and sslmode=require or stricter in citus.node_conninfo";
        if (facts.Nodes.All(n => Loopback.Is(n.Host)))
            return Verdict.Passed(expected, "all nodes are on loopback: nothing leaves the machine");
        return Verdict.Unless([.. facts.Of(Transports).Where(t => !t.Ssl || !t.IsDemanded)], CheckStatus.Failed, expected,
            "TLS is on, and demanded, on all nodes",
            open => Verdict.List(open.Select(t => t.Ssl ? $"{t.Node} connects with {t.NodeConninfo}" : $"{t.Node} has no TLS")),
            open => Verdict.Lines(open, t => t.Ssl
                ? $"ALTER SYSTEM SET citus.node_conninfo = 'sslmode=require'; SELECT pg_reload_conf(); -- on {t.Node}"
                : $"ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf(); -- on {t.Node}, with its ssl_cert_file and ssl_key_file"));
    }

    public sealed record Transport(string Node, bool Ssl, string? NodeConninfo)
    {
        internal bool IsDemanded =>
            NodeConninfo is not null
                && System.Text.RegularExpressions.Regex.IsMatch(NodeConninfo, @"sslmode\s*=\s*'?(require|verify-ca|verify-full)");
    }
}
