using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NarrowSequences() : CitusCheck(CheckCategory.Tables,
    "No distributed table takes the default of an int or smallint column from a sequence.",
    "Each node draws from a range of its own, which only a bigint has room for: an INSERT through a worker fails.")
{
    private static readonly Question<Column> Columns = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("p.logicalrelid")} AS "table", a.attname AS name, pg_catalog.format_type(a.atttypid, NULL) AS type,
            {SearchPath.Show("s.oid")} AS sequence
        FROM pg_catalog.pg_dist_partition p
        JOIN pg_catalog.pg_attribute a ON a.attrelid = p.logicalrelid AND a.attnum > 0 AND NOT a.attisdropped
            AND a.atttypid IN ('int2'::regtype, 'int4'::regtype)
        LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
        JOIN pg_catalog.pg_depend d ON (d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass)
          OR (a.attidentity <> '' AND d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
              AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype = 'i')
        JOIN pg_catalog.pg_class s ON s.relkind = 'S' AND s.oid IN (d.objid, d.refobjid)
        WHERE {ModuleSchema.IsNotOf("p.logicalrelid")}
            AND NOT (SELECT c.relispartition FROM pg_catalog.pg_class c WHERE c.oid = p.logicalrelid)
        """);

    public override IReadOnlyList<Question> Questions => [Columns];

    public override Verdict Decide(Facts facts) => Verdict.Unless(facts.Of(Columns), CheckStatus.Warning,
        "bigint for every column that a sequence fills", "none is narrower than bigint",
        narrow => Verdict.List(narrow.Select(c => $"{c.Table}.{c.Name} is {c.Type}")),
        narrow => Verdict.Lines(narrow, c => $"SELECT undistribute_table({TableName.Literal(c.Table)}); "
            + $"ALTER TABLE {c.Table} ALTER COLUMN {TableName.QuoteIfNeeded(c.Name)} TYPE bigint; -- then distribute {c.Table} again, "
            + "which widens the sequence too"));

    public sealed record Column(string Table, string Name, string Type, string Sequence);
}
