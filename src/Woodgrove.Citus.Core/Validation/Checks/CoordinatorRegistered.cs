namespace Woodgrove.Citus.Validation.Checks;

internal sealed class CoordinatorRegistered() : CitusCheck(CheckCategory.Nodes,
    "The coordinator is in pg_dist_node.",
    "Only then can reference tables be joined with the coordinator's own tables, and shards be moved to it and split.")
{
    private static readonly Question<Coordinator> Coordinators = new(Ask.Cluster, """
        SELECT nodename || ':' || nodeport AS node FROM pg_catalog.pg_dist_node WHERE groupid = 0 AND noderole = 'primary'
        """);

    public override IReadOnlyList<Question> Questions => [Coordinators];

    public override Verdict Decide(Facts facts) => facts.Of(Coordinators) is [var coordinator, ..]
        ? Verdict.Passed("a node of group 0", $"{coordinator.Node} is registered")
        : new Verdict(CheckStatus.Failed, "a node of group 0", "the coordinator is not registered", [],
            "SELECT citus_set_coordinator_host('<name by which the workers reach it>');");

    public sealed record Coordinator(string Node);
}
