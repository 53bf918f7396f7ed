using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NodeExtensions() : CitusCheck(CheckCategory.Nodes,
    "All nodes have the same extensions in the same versions.",
    "A query that runs on the workers fails there where a function or type of an extension is missing or behaves differently.")
{
    private static readonly Question<Installed> Extensions = new(Ask.EveryNode, """
        SELECT extname AS extension, extversion AS version FROM pg_catalog.pg_extension WHERE extname <> 'citus'
        """);

    public override IReadOnlyList<Question> Questions => [Extensions];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Installed> all = facts.Of(Extensions);
        string[] nodes = [.. facts.Nodes.Where(n => n.Unreachable is null).Select(n => n.Node)];
        Installed[] different = [.. all.GroupBy(e => e.Extension)
            .Where(g => g.Count() < nodes.Length || g.Select(e => e.Version).Distinct().Count() > 1)
            .SelectMany(g => nodes.Select(n => g.FirstOrDefault(e => e.Node == n) ?? new Installed(n, g.Key, null)))];
        return Verdict.Unless(different, CheckStatus.Failed, "the same extensions everywhere",
            $"{all.DistinctBy(e => e.Extension).Count()} extension(s) beside Citus, alike on all nodes",
            d => Verdict.List(d.GroupBy(e => e.Extension)
                .Select(g => $"{g.Key}: {string.Join(", ", g.Select(e => $"{e.Version ?? "none"} on {e.Node}"))}")),
            d => Verdict.Lines(d.Where(e => e.Version is null),
                e => Alone($"CREATE EXTENSION IF NOT EXISTS {TableName.Quote(e.Extension)}", e.Node)) is { Length: > 0 } create
                ? create : Verdict.Lines(d, e => Alone($"ALTER EXTENSION {TableName.Quote(e.Extension)} UPDATE", e.Node)));
    }

    /// <summary>On one node, which does not pass it on to the others.</summary>
    internal static string Alone(string statement, string node) =>
        $"SET citus.enable_ddl_propagation = off; {statement}; RESET citus.enable_ddl_propagation; -- on {node}";

    public sealed record Installed(string Node, string Extension, string? Version);
}
