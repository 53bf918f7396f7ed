using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class LargeLocalTables() : CitusCheck(CheckCategory.Tables,
    "No large table is on the coordinator only.",
    "Its queries use one node's cores and disk, and a join with a distributed table moves it, or that table, over the network.")
{
    private static readonly Question<Local> Tables = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("c.oid")} AS "table", pg_catalog.pg_total_relation_size(c.oid) AS size_bytes, c.reltuples AS estimated_rows
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'citus', 'citus_internal', 'columnar',
            'columnar_internal') AND {ModuleSchema.IsNotOf("c.oid")}
          AND c.relpersistence <> 't' AND NOT pg_catalog.relation_is_a_known_shard(c.oid)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = c.oid)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
              AND d.deptype = 'e')
        ORDER BY 2 DESC LIMIT 100
        """);

    public override Threshold Threshold => new(1L << 30, "bytes from which on a table is large");

    public override IReadOnlyList<Question> Questions => [Tables];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless([.. facts.Of(Tables).Where(t => t.SizeBytes >= facts.Limit)], CheckStatus.Warning,
        $"no local table of {facts.Limit:0} bytes or more",
        $"the largest has {facts.Of(Tables).Select(t => t.SizeBytes).DefaultIfEmpty().Max()} bytes",
        large => Verdict.List(large.Select(t => $"{t.Table} ({t.SizeBytes} bytes)")),
        large => Verdict.Lines(large, t =>
            $"New-DistributedTable {CmdletLine.Argument(t.Table)} <column> # or New-ReferenceTable {CmdletLine.Argument(t.Table)}"));

    public sealed record Local(string Table, long SizeBytes, double EstimatedRows);
}
