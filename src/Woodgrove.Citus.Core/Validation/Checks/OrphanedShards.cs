using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class OrphanedShards() : CitusCheck(CheckCategory.Metadata,
    "No node has a shard's table that the metadata knows nothing of.",
    "Such tables take space, and a move that wants to make a table of that name fails.")
{
    private static readonly Question<Known> Names = new(Ask.Cluster, """
        SELECT (SELECT last_value FROM pg_catalog.pg_dist_shardid_seq) AS last_shard_id,
               (SELECT pg_catalog.array_agg(object_name) FROM pg_catalog.pg_dist_cleanup) AS to_be_dropped
        """);

    // On the coordinator a plain table may end in a number; there it must also begin as a distributed one does. One that
    // is not registered keeps its copies of the reference tables: CoordinatorRegistered reports that.
    private static readonly Question<Orphan> Candidates = new(Ask.EveryNode, $$"""
        SELECT {{SearchPath.Show("c.oid")}} AS "table", n.nspname || '.' || c.relname AS name,
            pg_catalog.substring(c.relname, '[0-9]+$')::bigint AS shard_id, pg_catalog.pg_total_relation_size(c.oid) AS size_bytes
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN pg_catalog.pg_dist_local_group g
        WHERE {{ModuleSchema.IsNotOf("c.oid")}} AND c.relkind IN ('r', 'p') AND c.relname ~ '_[1-9][0-9]{5,17}$'
            AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = c.oid)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_placement pl JOIN pg_catalog.pg_dist_shard s USING (shardid)
              JOIN pg_catalog.pg_class t ON t.oid = s.logicalrelid
                          WHERE pl.groupid = g.groupid AND s.shardid = pg_catalog.substring(c.relname, '[0-9]+$')::bigint
                              AND t.relnamespace = c.relnamespace)
          AND (g.groupid <> 0 OR (EXISTS (SELECT FROM pg_catalog.pg_dist_node WHERE groupid = 0)
              AND EXISTS (SELECT FROM pg_catalog.pg_dist_partition p JOIN pg_catalog.pg_class t ON t.oid = p.logicalrelid
                                         WHERE t.relnamespace = c.relnamespace
                                             AND t.relname = pg_catalog.regexp_replace(c.relname, '_[0-9]+$', ''))))
        ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Names, Candidates];

    public override Verdict Decide(Facts facts)
    {
        Known known = facts.Of(Names)[0];
        HashSet<string> listed = [.. known.ToBeDropped ?? []];
        return Verdict.Unless([.. facts.Of(Candidates)
            .Where(o => o.ShardId <= known.LastShardId && !listed.Contains(o.Table) && !listed.Contains(o.Name))], CheckStatus.Warning,
            "no tables of shards beside the metadata's", "none",
            o => $"{o.Count} orphaned, {o.Sum(x => x.SizeBytes)} bytes: {Verdict.List(o.Select(x => $"{x.Table} on {x.Node}"))}",
            o => Verdict.Lines(o, x => $"SET citus.enable_manual_changes_to_shards = on; DROP TABLE {x.Table}; "
                + $"RESET citus.enable_manual_changes_to_shards; -- on {x.Node}, once you have seen that nobody needs it"));
    }

    public sealed record Known(long LastShardId, string[]? ToBeDropped);

    public sealed record Orphan(string Node, string Table, string Name, long ShardId, long SizeBytes);
}
