using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ShardPlacements() : CitusCheck(CheckCategory.Metadata,
    "Every shard has its placements, active and on active nodes, and the table of each is there.",
    "A query that needs a shard without a working placement fails; with fewer than the replication factor, the next failure loses it.")
{
    private static readonly Question<Shard> Shards = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("s.logicalrelid")} AS "table", s.shardid AS shard_id,
               count(n.nodeid) FILTER (WHERE pl.shardstate = 1 AND n.isactive) AS placements,
                   greatest(coalesce(max(c.replicationfactor), 1), 1) AS wanted
        FROM pg_catalog.pg_dist_shard s
        JOIN pg_catalog.pg_dist_partition p USING (logicalrelid)
        LEFT JOIN pg_catalog.pg_dist_colocation c USING (colocationid)
        LEFT JOIN pg_catalog.pg_dist_placement pl USING (shardid)
        LEFT JOIN (SELECT nodeid, groupid, isactive FROM pg_catalog.pg_dist_node WHERE noderole = 'primary'
                   UNION ALL SELECT 0, groupid, true FROM pg_catalog.pg_dist_local_group l
                       WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_dist_node r WHERE r.groupid = l.groupid)) n
          ON n.groupid = pl.groupid
        WHERE {ModuleSchema.IsNotOf("s.logicalrelid")}
        GROUP BY 1, 2 ORDER BY 1, 2
        """);

    public override IReadOnlyList<Question> Questions => [Shards, ShardsOnNode.Question];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Shard> all = facts.Of(Shards);
        var problems = all.Where(s => s.Placements < s.Wanted)
            .Select(s => new Problem(s.Table, s.ShardId, null, $"{s.Placements} of {s.Wanted} active placements"))
            .Concat(facts.Of(ShardsOnNode.Question).Where(s => !s.Exists)
                .Select(s => new Problem(s.Table, s.ShardId, s.Node, "its table is missing on the node"))).ToList();
        return Verdict.Unless(problems, CheckStatus.Failed, "as many placements as the replication factor, and their tables",
            $"{all.Count} shard(s) have their placements",
            p => $"{p.Count} placement(s) missing, of {Verdict.List(p.Select(x => x.Table))}: "
                + $"shard {Verdict.List(p.Select(x => $"{x.ShardId} ({x.Missing})"))}",
            _ => "With another placement: SELECT citus_copy_shard_placement(<shard>, '<from host>', <port>, '<to host>', <port>); "
                + "without: restore the node, or the shard's table, from its backup.");
    }

    public sealed record Shard(string Table, long ShardId, long Placements, int Wanted);

    public sealed record Problem(string Table, long ShardId, string? Node, string Missing);
}
