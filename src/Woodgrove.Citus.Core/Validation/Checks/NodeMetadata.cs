namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NodeMetadata() : CitusCheck(CheckCategory.Metadata,
    "Nodes, tables, shards, placements and colocation groups are the same in every node's metadata.",
    "A query that arrives at a node is planned by that node's own metadata; where it differs, "
        + "rows are missed or written to the wrong place.")
{
    private static readonly Question<Digest> Digests = new(Ask.EveryNode, """
        SELECT 'pg_dist_node' AS catalog, count(*) AS rows,
               md5(string_agg(concat_ws('|', nodeid, groupid, nodename, nodeport, noderole, isactive, shouldhaveshards), ','
                   ORDER BY nodeid)) AS digest
        FROM pg_catalog.pg_dist_node
        UNION ALL
        SELECT 'pg_dist_partition', count(*), md5(string_agg(concat_ws('|', n.nspname, c.relname, p.partmethod,
                   pg_catalog.column_to_column_name(p.logicalrelid, p.partkey), p.colocationid, p.repmodel), ','
                       ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"))
        FROM pg_catalog.pg_dist_partition p JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        UNION ALL
        SELECT 'pg_dist_shard', count(*),
            md5(string_agg(concat_ws('|', s.shardid, n.nspname, c.relname, s.shardstorage, s.shardminvalue, s.shardmaxvalue), ','
                ORDER BY s.shardid))
        FROM pg_catalog.pg_dist_shard s JOIN pg_catalog.pg_class c ON c.oid = s.logicalrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        UNION ALL
        SELECT 'pg_dist_placement', count(*), md5(string_agg(concat_ws('|', shardid, groupid, shardstate), ',' ORDER BY shardid, groupid))
            FROM pg_catalog.pg_dist_placement
        UNION ALL
        -- A type of the user's own has another oid on each node.
        SELECT 'pg_dist_colocation', count(*),
            md5(string_agg(concat_ws('|', c.colocationid, c.shardcount, c.replicationfactor, n.nspname, t.typname), ','
                ORDER BY c.colocationid))
        FROM pg_catalog.pg_dist_colocation c LEFT JOIN pg_catalog.pg_type t ON t.oid = c.distributioncolumntype
            LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        """);

    public override IReadOnlyList<Question> Questions => [Digests];

    public override Verdict Decide(Facts facts)
    {
        ILookup<string, Digest> all = facts.Of(Digests).ToLookup(d => d.Catalog);
        Digest[] different = [.. all.Where(c => c.Select(d => d.Value).Distinct().Count() > 1).SelectMany(c => c)];
        return Verdict.Unless(different, CheckStatus.Failed, "the same digest of each catalog on all nodes",
            $"{all.Count} catalogs, {all.Sum(c => c.First().Rows)} rows, alike on {facts.Nodes.Count} node(s)",
            d => Verdict.List(d.GroupBy(c => c.Catalog)
                .Select(c => $"{c.Key} differs ({string.Join(", ", c.Select(x => $"{x.Rows} rows on {x.Node}"))})")),
            _ => "SELECT start_metadata_sync_to_all_nodes(); -- writes the coordinator's metadata to the workers again");
    }

    public sealed record Digest(string Node, string Catalog, long Rows,
        [property: System.Text.Json.Serialization.JsonPropertyName("digest")] string? Value);
}
