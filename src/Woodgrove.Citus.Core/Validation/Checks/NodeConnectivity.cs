namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NodeConnectivity() : CitusCheck(CheckCategory.Nodes,
    "Every node reaches every node.",
    "Queries over shards, moves of shards and repartitioned joins need connections between all nodes, and one that is missing fails them.")
{
    private static readonly Question<Link> Links = new(Ask.EveryNode, """
        SELECT nodename || ':' || nodeport AS target,
               pg_catalog.citus_check_connection_to_node(nodename, nodeport) AS reached
        FROM pg_catalog.pg_dist_node WHERE isactive
        """);

    public override IReadOnlyList<Question> Questions => [Links];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Link> all = facts.Of(Links);
        Link[] broken = [.. all.Where(l => !l.Reached)];
        return Verdict.Unless(broken, CheckStatus.Failed, "every connection succeeds",
            $"{all.Count} connections between {facts.Nodes.Count} node(s) succeed",
            b => $"{Verdict.List(b.Select(l => l.Target))} cannot be reached from {Verdict.List(b.Select(l => l.Node))}",
            b => Verdict.Lines(b, l => $"Start the server {l.Target}, or open its firewall and pg_hba.conf to {l.Node}; "
                + $"then SELECT citus_check_connection_to_node('{l.Target.Split(':')[0]}', {l.Target.Split(':')[^1]});"));
    }

    public sealed record Link(string Node, string Target, bool Reached);
}
