using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class InheritedNotNull() : CitusCheck(CheckCategory.Upgrade,
    "Columns that are NOT NULL in a table are so in the tables that inherit from it.",
    "PostgreSQL 18 inherits the constraint, and its pg_upgrade refuses tables that lack it.")
{
    private static readonly Question<Column> Columns = new(Ask.EveryNode, $"""
        SELECT {SearchPath.Show("c.oid")} AS "table", pg_catalog.quote_ident(a.attname) AS name, {SearchPath.Show("i.inhparent")} AS parent
        FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'f', 'p')
        JOIN pg_catalog.pg_attribute p ON p.attrelid = i.inhparent AND p.attnotnull AND p.attnum > 0 AND NOT p.attisdropped
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = p.attname AND NOT a.attnotnull AND NOT a.attisdropped
        WHERE {ShardTables.IsNone("c.relname")} ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Columns];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Columns), CheckStatus.Failed, "NOT NULL in both", "every column has its parent's constraint",
        without => Verdict.List(without.Select(c => $"{c.Table}.{c.Name} on {c.Node} may be NULL, and that of {c.Parent} not")),
        without => Verdict.Lines(without, c => $"ALTER TABLE {c.Table} ALTER COLUMN {c.Name} SET NOT NULL; -- on {c.Node}"));

    public sealed record Column(string Node, string Table, string Name, string Parent);
}
