using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ColocatableTables() : CitusCheck(CheckCategory.Tables,
    "Tables distributed by a column of the same name, type and collation are colocated.",
    "Only colocated tables are joined on the workers, and only they can have foreign keys to each other; "
        + "others are repartitioned for every join.")
{
    private static readonly Question<Table> Tables = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("p.logicalrelid")} AS name, a.attname AS "column", pg_catalog.format_type(a.atttypid, NULL) AS type,
            a.attcollation::regcollation::text AS collation, p.colocationid AS colocation_id
        FROM pg_catalog.pg_dist_partition p
        JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid AND NOT c.relispartition
        JOIN pg_catalog.pg_attribute a ON a.attrelid = p.logicalrelid
            AND a.attname = pg_catalog.column_to_column_name(p.logicalrelid, p.partkey)
        WHERE {ModuleSchema.IsNotOf("p.logicalrelid")} AND p.partmethod = 'h' ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Tables];

    public override Verdict Decide(Facts facts)
    {
        var apart = new List<Candidate>();
        foreach (IGrouping<(string Column, string Type, string Collation), Table> alike in facts.Of(Tables)
            .GroupBy(t => (t.Column, t.Type, t.Collation)))
        {
            IGrouping<int, Table>[] groups = [.. alike.GroupBy(t => t.ColocationId).OrderByDescending(g => g.Count()).ThenBy(g => g.Key)];
            apart.AddRange(groups.Skip(1).SelectMany(g => g)
                .Select(t => new Candidate(t.Name, t.Column, t.Type, t.ColocationId, groups[0].First().Name, groups[0].Key)));
        }
        return Verdict.Unless(apart, CheckStatus.Warning, "one colocation group for each such column",
            $"{facts.Of(Tables).Count} table(s), none apart from others of its column",
            c => Verdict.List(c.Select(x => $"{x.Table} is not colocated with {x.With} (both by {x.Column} {x.Type})")),
            c => Verdict.Lines(c, x => $"{TableAdvice.Set(x.Table, colocateWith: x.With)} # rewrites {x.Table}"));
    }

    public sealed record Table(string Name, string Column, string Type, string Collation, int ColocationId);

    public sealed record Candidate(string Table, string Column, string Type, int ColocationId, string With, int WithColocationId);
}
