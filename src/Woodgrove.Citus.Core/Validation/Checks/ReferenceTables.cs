using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ReferenceTables() : CitusCheck(CheckCategory.Metadata,
    "Every reference table is on every active node.",
    "A join with a reference table is local only where the node has it; new nodes get their copies late, "
        + "and until then moves to them are refused.")
{
    private static readonly Question<Missing> Copies = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("s.logicalrelid")} AS "table", n.nodename || ':' || n.nodeport AS node,
            EXISTS (SELECT FROM pg_catalog.pg_dist_partition r JOIN pg_catalog.pg_class c ON c.oid = r.logicalrelid
                WHERE r.partmethod = 'n' AND r.repmodel = 't' AND {MissingIdentity.Of("c")}) AS any_keyless
        FROM pg_catalog.pg_dist_partition p
        JOIN pg_catalog.pg_dist_shard s USING (logicalrelid)
        CROSS JOIN pg_catalog.pg_dist_node n
        WHERE {ModuleSchema.IsNotOf("p.logicalrelid")} AND p.partmethod = 'n' AND p.repmodel = 't' AND n.noderole = 'primary' AND n.isactive
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_placement pl WHERE pl.shardid = s.shardid AND pl.groupid = n.groupid)
        ORDER BY 1, 2
        """);

    public override IReadOnlyList<Question> Questions => [Copies];

    public override Verdict Decide(Facts facts) => Verdict.Unless(facts.Of(Copies), CheckStatus.Failed,
        "a copy on each node", "no copy is missing",
        missing => Verdict.List(missing.Select(m => $"{m.Table} is not on {m.Node}")),
        missing => missing[0].AnyKeyless ? "SELECT replicate_reference_tables('block_writes'); -- writes to reference tables wait meanwhile"
            : "SELECT replicate_reference_tables();");

    /// <param name="AnyKeyless">Whether writers have to wait while they are copied, for want of a replica identity of one of them.</param>
    public sealed record Missing(string Table, string Node, bool AnyKeyless);
}
