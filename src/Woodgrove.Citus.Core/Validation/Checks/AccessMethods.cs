using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class AccessMethods() : CitusCheck(CheckCategory.Upgrade,
    "Every table has an access method of PostgreSQL or of an extension.",
    "One of another library can't be read by a new server without that library, and no package brings it along.")
{
    private static readonly Question<Table> Tables = new(Ask.EveryNode, $"""
        SELECT {SearchPath.Show("c.oid")} AS name, m.amname AS method,
            EXISTS (SELECT FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = c.oid) AS is_distributed
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am m ON m.oid = c.relam
        WHERE m.amtype = 't' AND m.oid >= 16384 AND c.relkind IN ('r', 'm') AND {ShardTables.IsNone("c.relname")} AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_am'::regclass AND d.objid = m.oid AND d.deptype = 'e')
        """);

    public override IReadOnlyList<Question> Questions => [Tables];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Tables), CheckStatus.Warning, "heap, or that of an extension", "no table has another one",
        other => Verdict.List(other.Select(t => $"{t.Name} on {t.Node}: {t.Method}")),
        other => Verdict.Lines(other, t => t.IsDistributed ? $"Set-DistributedTable {CmdletLine.Argument(t.Name)} -AccessMethod heap"
            : $"ALTER TABLE {t.Name} SET ACCESS METHOD heap; -- on {t.Node}"));

    public sealed record Table(string Node, string Name, string Method, bool IsDistributed);
}
