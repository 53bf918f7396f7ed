using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class UnloggedTables() : CitusCheck(CheckCategory.Tables,
    "No distributed table is unlogged.",
    "A crash of one worker empties its shards and leaves those of the others; a standby has none of the rows.")
{
    private static readonly Question<Table> Tables = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("p.logicalrelid")} AS name FROM pg_catalog.pg_dist_partition p
            JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid WHERE c.relpersistence = 'u' AND {ModuleSchema.IsNotOf("p.logicalrelid")}
            ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Tables];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Tables), CheckStatus.Warning, "logged tables only", "none is unlogged",
        unlogged => $"unlogged: {Verdict.List(unlogged.Select(t => t.Name))}",
        unlogged => Verdict.Lines(unlogged, t => $"{TableAdvice.ToLocal(t.Name)}; {TableAdvice.Run($"ALTER TABLE {t.Name} SET LOGGED")} "
            + $"# then distribute {t.Name} again"));

    public sealed record Table(string Name);
}
