using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ExtensionVersions() : CitusCheck(CheckCategory.Upgrade,
    "Every extension has the version that the packages of its node bring.",
    "Citus refuses to work where its extension and its library differ, and its versions are updated one after the other: "
        + "each node by itself, and citus_columnar apart.")
{
    private static readonly Question<Installed> Extensions = new(Ask.EveryNode, """
        SELECT e.extname AS extension, e.extversion AS version, a.default_version AS available,
            pg_catalog.split_part(pg_catalog.citus_version(), ' ', 2) AS library
        FROM pg_catalog.pg_extension e LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = e.extname ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Extensions];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Installed> all = facts.Of(Extensions);
        Installed[] behind = [.. all.Where(e => e.Version != e.Available)];
        string citus = Verdict.List(all.Where(e => e.Extension == "citus").Select(e => $"citus {e.Version} with library {e.Library}"));
        return Verdict.Unless(behind, behind.Any(e => e.Extension == "citus") ? CheckStatus.Failed : CheckStatus.Warning,
            "the versions of the installed packages", $"{citus}, {all.DistinctBy(e => e.Extension).Count()} extension(s) in all",
            b => Verdict.List(b.Select(e => $"{e.Extension} {e.Version} on {e.Node}, whose packages have {e.Available ?? "none"}")),
            b => Verdict.Lines(b, e => e.Available is null
                ? $"Install the package of {e.Extension} on {e.Node}, also that for the new PostgreSQL."
                : NodeExtensions.Alone($"ALTER EXTENSION {TableName.Quote(e.Extension)} UPDATE", e.Node)));
    }

    public sealed record Installed(string Node, string Extension, string Version, string? Available, string? Library);
}
