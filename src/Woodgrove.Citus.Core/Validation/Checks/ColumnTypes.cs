using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ColumnTypes() : CitusCheck(CheckCategory.Upgrade,
    "No column has a type that pg_upgrade refuses.",
    "Values of reg* types other than regclass, regrole and regtype hold object ids that the new server does not keep, and those of "
        + "aclitem (before PostgreSQL 16) and of the system's row types another layout.")
{
    // As pg_upgrade looks for them: the types, and those that are made of them.
    private static readonly Question<Column> Columns = new(Ask.EveryNode, $"""
        WITH RECURSIVE refused AS (
          SELECT t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
          WHERE n.nspname = 'pg_catalog' AND t.typname IN ('regcollation', 'regconfig', 'regdictionary', 'regnamespace', 'regoper',
                  'regoperator', 'regproc', 'regprocedure')
              OR n.nspname = 'pg_catalog' AND t.typname = 'aclitem' AND pg_catalog.current_setting('server_version_num')::int < 160000
              OR t.typtype = 'c' AND (t.oid < 16384 OR n.nspname = 'information_schema')
          UNION
          SELECT m.oid FROM (WITH r AS (SELECT oid FROM refused)
            SELECT t.oid FROM pg_catalog.pg_type t JOIN r ON t.typbasetype = r.oid AND t.typtype = 'd'
                OR t.typelem = r.oid AND t.typtype = 'b'
            UNION ALL SELECT c.reltype FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
                JOIN r ON r.oid = a.atttypid WHERE c.relkind = 'c' AND NOT a.attisdropped
            UNION ALL SELECT g.rngtypid FROM pg_catalog.pg_range g JOIN r ON r.oid = g.rngsubtype) m)
        SELECT DISTINCT {SearchPath.Show("coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)")} AS "table",
            pg_catalog.quote_ident(a.attname) AS name, pg_catalog.format_type(a.atttypid, NULL) AS type,
            EXISTS (SELECT FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = c.oid) AS is_distributed,
            pg_catalog.format_type(a.atttypid, NULL) ~ '[[]]$' AS is_array
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
        JOIN refused ON refused.oid = a.atttypid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm') AND c.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            AND {ShardTables.IsNone("c.relname")}
        """);

    public override IReadOnlyList<Question> Questions => [Columns];

    public override Verdict Decide(Facts facts) =>
        // A distributed table is the same on all nodes.
        Verdict.Unless([.. facts.Of(Columns).DistinctBy(c => (c.Table, c.Name, c.IsDistributed ? "" : c.Node))], CheckStatus.Failed, "none of these types", "no column has one",
        refused => Verdict.List(refused.Select(c => $"{c.Table}.{c.Name} is {c.Type}")),
        refused => Verdict.Lines(refused, Fix));

    private static string Fix(Column column)
    {
        string type = column.IsArray ? "text[]" : "text";
        return $"ALTER TABLE {column.Table} ALTER COLUMN {column.Name} TYPE {type} USING {column.Name}::{type};"
            + (column.IsDistributed ? "" : $" -- on {column.Node}");
    }

    public sealed record Column(string Node, string Table, string Name, string Type, bool IsDistributed, bool IsArray);
}
