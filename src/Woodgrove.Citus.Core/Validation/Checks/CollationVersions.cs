using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class CollationVersions() : CitusCheck(CheckCategory.Upgrade,
    "The collations have the versions that indexes were built with, and the same ones on all nodes.",
    "Another version of the C library or of ICU sorts otherwise: indexes over text then miss rows and let duplicates in, "
        + "and nodes of different versions sort differently.")
{
    // The database's own, and those that a column has.
    private static readonly Question<Collation> Collations = new(Ask.EveryNode, """
        SELECT d.datname::text AS database, d.datname::text AS name, true AS is_database, d.datcollversion AS recorded,
            pg_catalog.pg_database_collation_actual_version(d.oid) AS actual
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
        UNION ALL
        SELECT pg_catalog.current_database()::text,
            pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname), false, c.collversion,
            pg_catalog.pg_collation_actual_version(c.oid)
        FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
        WHERE c.collversion IS NOT NULL
            AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attcollation = c.oid AND a.attrelid >= 16384)
        """);

    public override IReadOnlyList<Question> Questions => [Collations];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Collation> all = facts.Of(Collations);
        string expected = "the recorded version is the library's, on all nodes alike";
        Collation[] changed = [.. all.Where(c => c.Recorded != c.Actual)];
        if (changed.Length > 0)
        {
            return new Verdict(CheckStatus.Failed, expected, Verdict.List(changed.Select(c =>
                $"{c.Name} on {c.Node}: recorded {c.Recorded ?? "none"}, now {c.Actual ?? "none"}")), changed, Verdict.Lines(changed, Fix));
        }
        Collation[] apart = [.. all.GroupBy(c => (c.IsDatabase, c.IsDatabase ? "" : c.Name))
            .Where(g => g.Select(c => c.Actual).Distinct().Count() > 1).SelectMany(g => g)];
        return Verdict.Unless(apart, CheckStatus.Warning, expected, $"{all.DistinctBy(c => c.Name).Count()} in use, all alike",
            a => Verdict.List(a.Select(c => $"{c.Name} has version {c.Actual ?? "none"} on {c.Node}"), 6),
            _ => "Install the same version of the C library and of ICU on every node, then run this check again.");
    }

    /// <summary>Indexes first: once the version is refreshed, nobody warns of them any more.</summary>
    private static string Fix(Collation collation) => $"REINDEX DATABASE {TableName.Quote(collation.Database)}; "
        + NodeExtensions.Alone(collation.IsDatabase ? $"ALTER DATABASE {TableName.Quote(collation.Name)} REFRESH COLLATION VERSION"
            : $"ALTER COLLATION {collation.Name} REFRESH VERSION", collation.Node);

    public sealed record Collation(string Node, string Database, string Name, bool IsDatabase, string? Recorded, string? Actual);
}
