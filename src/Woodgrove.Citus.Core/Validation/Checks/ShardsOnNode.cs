using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

/// <summary>A placement as its own node sees it: several checks want to know.</summary>
/// <param name="Exists">False where the metadata lists it and the node has no such table.</param>
/// <param name="SizeBytes">Indexes and TOAST included; 0 of a partitioned table's own shard.</param>
/// <param name="EstimatedRows">pg_class.reltuples: -1 where the shard was never analyzed.</param>
/// <param name="RowsRead">By scans of it and of its indexes, since its statistics were reset. A scan of an empty table, as for the building
/// of an index, reads none.</param>
/// <param name="Kind">r, or p of a partitioned table's shard.</param>
public sealed record ShardsOnNode(
    string Node, string Table, long ShardId, string Name, bool Exists, string? Kind, string Method, long SizeBytes,
    double EstimatedRows, long LiveRows, long DeadRows, long RowsRead, long RowsWritten)
{
    internal static readonly Question<ShardsOnNode> Question = new(Ask.EveryNode, $"""
        SELECT {SearchPath.Show("s.logicalrelid")} AS "table", s.shardid AS shard_id, x.name, c.oid IS NOT NULL AS exists,
            c.relkind AS kind, p.partmethod AS method,
               coalesce(pg_catalog.pg_total_relation_size(c.oid), 0) AS size_bytes, coalesce(c.reltuples, -1) AS estimated_rows,
               coalesce(pg_catalog.pg_stat_get_live_tuples(c.oid), 0) AS live_rows,
                   coalesce(pg_catalog.pg_stat_get_dead_tuples(c.oid), 0) AS dead_rows,
               coalesce(pg_catalog.pg_stat_get_tuples_returned(c.oid), 0)
                 + coalesce((SELECT sum(pg_catalog.pg_stat_get_tuples_returned(i.indexrelid)) FROM pg_catalog.pg_index i
                     WHERE i.indrelid = c.oid), 0)::bigint AS rows_read,
               coalesce(pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid) + pg_catalog.pg_stat_get_tuples_deleted(c.oid), 0) AS rows_written
        FROM pg_catalog.pg_dist_local_group g
        JOIN pg_catalog.pg_dist_placement pl USING (groupid)
        JOIN pg_catalog.pg_dist_shard s USING (shardid)
        JOIN pg_catalog.pg_dist_partition p USING (logicalrelid)
        JOIN pg_catalog.pg_class t ON t.oid = s.logicalrelid
        -- shard_name leaves the schema public out.
        CROSS JOIN LATERAL (SELECT CASE WHEN t.relnamespace = 'public'::regnamespace THEN 'public.' ELSE ''
            END || pg_catalog.shard_name(s.logicalrelid, s.shardid) AS name) x
        -- By its parts: to_regclass takes USAGE on the schema, which a role that watches the cluster may lack.
        CROSS JOIN LATERAL (SELECT pg_catalog.parse_ident(x.name) AS parts) y
        LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace AND c.relname = y.parts[pg_catalog.cardinality(y.parts)]
        WHERE NOT (p.partmethod = 'n' AND p.repmodel = 's' AND p.colocationid = 0) AND {ModuleSchema.IsNotOf("t.oid")}
        ORDER BY 1, 2
        """);
}
