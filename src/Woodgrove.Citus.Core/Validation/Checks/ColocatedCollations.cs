using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ColocatedCollations() : CitusCheck(CheckCategory.Upgrade,
    "The distribution columns of colocated tables have the same collation.",
    "Before version 14 Citus colocates tables whatever collation their columns have. Its update to 14 moves those of another collation "
        + "out of the group: joins with the others then move rows, and foreign keys to them are refused.")
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

    public override Verdict Decide(Facts facts)
    {
        // As citus_finish_citus_upgrade of version 14 decides; a table alone in a group is moved into another one, and nothing is lost.
        Table[] other = [.. facts.Of(Tables).GroupBy(t => t.ColocationId).Where(g => g.Select(t => t.Collation).Distinct().Count() > 1)
            .SelectMany(g => g.Where(t => !t.IsOfGroup))];
        return Verdict.Unless(other, CheckStatus.Warning, "one collation for each colocation group", "no group has two",
            o => Verdict.List(o.Select(t => $"{t.Name}.{t.Column} has collation {t.Collation}, and its group {t.ColocationId} another")),
            o => Verdict.Lines(o, t => $"SELECT pg_catalog.update_distributed_table_colocation({TableName.Literal(t.Name)}, "
                + "colocate_with := 'none'); -- as the update does; or give its column the others' collation, and distribute it again"));
    }

    public sealed record Table(string Name, string Column, string Collation, int ColocationId, bool IsOfGroup);
}
