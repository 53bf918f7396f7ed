using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ClosedDatabases() : CitusCheck(CheckCategory.Upgrade,
    "Every database but template0 takes connections.",
    "pg_upgrade looks into every database, and refuses a server with one that lets nobody in or whose DROP DATABASE was interrupted.")
{
    private static readonly Question<Closed> Databases = new(Ask.EveryNode, """
        SELECT datname::text AS name, datconnlimit = -2 AS is_invalid FROM pg_catalog.pg_database
        WHERE datname <> 'template0' AND (NOT datallowconn OR datconnlimit = -2)
        """);

    public override IReadOnlyList<Question> Questions => [Databases];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Databases), CheckStatus.Failed, "all open", "all databases take connections",
        closed => Verdict.List(closed.Select(d => $"{d.Name} on {d.Node}")),
        closed => Verdict.Lines(closed, d => NodeExtensions.Alone(d.IsInvalid ? $"DROP DATABASE {TableName.Quote(d.Name)}"
            : $"ALTER DATABASE {TableName.Quote(d.Name)} ALLOW_CONNECTIONS true", d.Node)));

    public sealed record Closed(string Node, string Name, bool IsInvalid);
}
