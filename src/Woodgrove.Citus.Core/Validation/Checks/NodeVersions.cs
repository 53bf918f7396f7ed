namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NodeVersions() : CitusCheck(CheckCategory.Nodes,
    "All nodes have the same PostgreSQL, the same Citus library and the same Citus extension, and library and extension fit.",
    "Nodes send each other SQL that another version may not understand; Citus refuses to work where extension and library differ.")
{
    private static readonly Question<Version> Versions = new(Ask.EveryNode, """
        SELECT pg_catalog.current_setting('server_version') AS postgre_sql,
            pg_catalog.split_part(pg_catalog.citus_version(), ' ', 2) AS library,
               (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'citus') AS extension
        """);

    public override IReadOnlyList<Question> Questions => [Versions];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Version> all = facts.Of(Versions);
        string expected = "one version of each on all nodes",
            actual = Verdict.List(all.Select(v => $"PostgreSQL {v.PostgreSql}, library {v.Library}, extension {v.Extension}"));
        if (all.DistinctBy(v => (v.PostgreSql, v.Library, v.Extension)).Count() == 1 && all.All(v => v.Fits))
            return Verdict.Passed(expected, actual);
        // Nodes are upgraded one after the other; a minor release of PostgreSQL makes no difference between them.
        bool harmless = all.DistinctBy(v => (v.PostgreSql.Split('.')[0], v.Library, v.Extension)).Count() == 1 && all.All(v => v.Fits);
        return new Verdict(harmless ? CheckStatus.Warning : CheckStatus.Failed, expected, actual, all, harmless
            ? "Upgrade the packages of the nodes that are behind, and restart them."
            : "Install the same packages on every node, restart it, then on every node: ALTER EXTENSION citus UPDATE;");
    }

    /// <summary>13.2 of 13.2.2 and of 13.2-1.</summary>
    private static string? Release(string? version) => version is null ? null : string.Join('.', version.Split('.', '-').Take(2));

    /// <param name="Extension">Null where there is none, as with the sandbox's stand-in.</param>
    public sealed record Version(string Node, string PostgreSql, string Library, string? Extension)
    {
        internal bool Fits => Extension is null || Release(Library) == Release(Extension);
    }
}
