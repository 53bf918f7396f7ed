using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NarrowSequences() : CitusCheck(CheckCategory.Tables,
    "No distributed table takes the default of an int or smallint column from a sequence.",
    "Each node draws from a range of its own, which only a bigint has room for: an INSERT through a worker fails.")
{
    private static readonly Question<Column> Columns = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("p.logicalrelid")} AS "table", a.attname AS name, pg_catalog.format_type(a.atttypid, NULL) AS type,
            {SearchPath.Show("s.oid")} AS sequence, a.attidentity <> '' AS is_identity
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
        ORDER BY 1, 2
        """);

    public override IReadOnlyList<Question> Questions => [Columns];

    public override Verdict Decide(Facts facts) => Verdict.Unless(facts.Of(Columns), CheckStatus.Warning,
        "bigint for every column that a sequence fills", "none is narrower than bigint",
        narrow => Verdict.List(narrow.Select(c => $"{c.Table}.{c.Name} is {c.Type}")),
        narrow => Verdict.Lines(narrow, c => c.IsIdentity
            ? $"-- {c.Table}.{c.Name} is an identity column, which Citus does not let anybody change: create a table in which it is a "
                + "bigint, and insert the rows into that"
            : Widen(c)));

    /// <summary>A column of a new sequence: Citus alters none that it has distributed, and its own type stays that of the column.</summary>
    private static string Widen(Column c)
    {
        TableName old = TableName.Parse(c.Sequence), wide = new(old.Schema, TableName.Cut($"big_{old.Name}"));
        string column = TableName.QuoteIfNeeded(c.Name), sequence = TableName.Literal(wide.ToString());
        return $"{TableAdvice.ToLocal(c.Table)}; " + TableAdvice.Run($"CREATE SEQUENCE {wide} OWNED BY {c.Table}.{column}; "
            + $"SELECT setval({sequence}, nextval({TableName.Literal(c.Sequence)}), false); "
            + $"ALTER TABLE {c.Table} ALTER COLUMN {column} TYPE bigint; "
            + $"ALTER TABLE {c.Table} ALTER COLUMN {column} SET DEFAULT nextval({sequence})") + $" # then distribute {c.Table} again";
    }

    public sealed record Column(string Table, string Name, string Type, string Sequence, bool IsIdentity);
}
