using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ShellTableData() : CitusCheck(CheckCategory.Tables,
    "No distributed table has rows left in its own table on the coordinator.",
    "Distributing copies the rows into the shards; the old ones stay, invisible, and take the coordinator's disk and the time of its "
        + "backups.")
{
    private static readonly Question<Shell> Shells = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("p.logicalrelid")} AS "table", pg_catalog.pg_relation_size(p.logicalrelid) AS size_bytes
        FROM pg_catalog.pg_dist_partition p
        JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid AND c.relkind = 'r'
        LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
        WHERE {ModuleSchema.IsNotOf("p.logicalrelid")} AND pg_catalog.pg_relation_size(p.logicalrelid) > CASE m.amname
            WHEN 'columnar' THEN 16384 ELSE 0 END
        ORDER BY 2 DESC
        """);

    public override IReadOnlyList<Question> Questions => [Shells];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Shells), CheckStatus.Warning, "empty tables behind the distributed ones", "nothing is left",
        left => Verdict.List(left.Select(s => $"{s.Table}: {s.SizeBytes} bytes")),
        left => Verdict.Lines(left, s => TableAdvice.ClearLocal(s.Table)));

    public sealed record Shell(string Table, long SizeBytes);
}
