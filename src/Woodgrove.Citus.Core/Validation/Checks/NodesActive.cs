namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NodesActive() : CitusCheck(CheckCategory.Nodes,
    "Every primary node is active and has the current metadata.",
    "Citus sends no queries to an inactive node, and a node without the current metadata cannot take part in changes to tables.")
{
    private static readonly Question<State> States = new(Ask.Cluster, """
        SELECT nodename || ':' || nodeport AS node, nodename AS host, nodeport AS port, isactive AS is_active,
            metadatasynced AS metadata_synced
        FROM pg_catalog.pg_dist_node WHERE noderole = 'primary' ORDER BY groupid
        """);

    public override IReadOnlyList<Question> Questions => [States];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<State> all = facts.Of(States);
        return Verdict.Unless([.. all.Where(s => !s.IsActive || !s.MetadataSynced)], CheckStatus.Failed,
            "isactive and metadatasynced are true",
            $"{all.Count} node(s) active, metadata synced",
            bad => Verdict.List(bad.Select(s => $"{s.Node} is {(s.IsActive ? "without current metadata" : "not active")}")),
            bad => Verdict.Lines(bad,
                s => s.IsActive ? "SELECT start_metadata_sync_to_all_nodes();" : $"Set-CitusNode '{s.Host}' {s.Port} -Enabled $true"));
    }

    public sealed record State(string Node, string Host, int Port, bool IsActive, bool MetadataSynced);
}
