using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ColocatedCollations() : CitusCheck(CheckCategory.Upgrade,
    "Each colocation group is recorded with the collation of its tables' distribution columns.",
    "Before version 14 Citus records the default collation of the type. Its update to 14 (citus_finish_citus_upgrade) moves such tables "
        + "into groups of their own, whose ids are new, and tables of both collations in one group apart.")
{
    private static readonly Question<Table> Tables = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("p.logicalrelid")} AS name, a.attname::text AS "column", a.attcollation::regcollation::text AS collation,
            p.colocationid AS colocation_id, a.attcollation = g.distributioncolumncollation AS is_of_group
        FROM pg_catalog.pg_dist_partition p JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid AND NOT c.relispartition
        JOIN pg_catalog.pg_dist_colocation g ON g.colocationid = p.colocationid
        JOIN pg_catalog.pg_attribute a ON a.attrelid = p.logicalrelid
            AND a.attname = pg_catalog.column_to_column_name(p.logicalrelid, p.partkey)
        WHERE {ModuleSchema.IsNotOf("p.logicalrelid")} AND p.partmethod = 'h' ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Tables];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless([.. facts.Of(Tables).Where(t => !t.IsOfGroup)], CheckStatus.Warning, "the columns' own collation",
            "all are so recorded", other => Verdict.List(other.Select(t =>
                $"{t.Name}.{t.Column} has collation {t.Collation}, and its group {t.ColocationId} another")), Fix);

    /// <summary>As the update does: a new group for the tables of a group that have one collation. No row is moved.</summary>
    private static string Fix(IReadOnlyList<Table> other) => string.Join('\n', other.GroupBy(t => (t.ColocationId, t.Collation))
        .SelectMany(g => g.Select((t, i) => $"SELECT pg_catalog.update_distributed_table_colocation({TableName.Literal(t.Name)}, "
            + $"colocate_with := {TableName.Literal(i == 0 ? "none" : g.First().Name)});")));

    public sealed record Table(string Name, string Column, string Collation, int ColocationId, bool IsOfGroup);
}
