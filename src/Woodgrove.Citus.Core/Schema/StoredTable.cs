using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Schema;

/// <summary>A table that Citus knows, as far as a script needs it; partitions follow their parents.</summary>
/// <param name="Display">With its schema, quoted where SQL needs it.</param>
/// <param name="References">The other tables that its foreign keys lead to.</param>
/// <param name="Ranges">The hash ranges of its shards; empty where it has none.</param>
internal sealed record StoredTable(
    string Schema, string Display, TableKind Kind, char Method, string? Column, int ColocationId, int ReplicationFactor,
    bool IsAutomatic, string[] References, (int First, int Last)[] Ranges)
{
    public static async Task<List<StoredTable>> ReadAsync(NpgsqlConnection session, CancellationToken stop)
    {
        List<StoredTable> tables = await session.ListAsync($"""
            SELECT n.nspname, c.relname, p.partmethod, p.repmodel, d.schemaid IS NOT NULL, p.colocationid, coalesce(p.autoconverted, false),
                   CASE WHEN p.partkey IS NOT NULL THEN pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) END,
                   coalesce(g.replicationfactor, 1),
                   ARRAY(SELECT DISTINCT pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(fc.relname)
                         FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid
                         JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
                         WHERE k.contype = 'f' AND k.conrelid = c.oid AND k.conparentid = 0 AND k.confrelid <> c.oid ORDER BY 1),
                   s.minima, s.maxima
            FROM pg_catalog.pg_dist_partition p
            JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_catalog.pg_dist_schema d ON d.colocationid = p.colocationid
            LEFT JOIN pg_catalog.pg_dist_colocation g ON g.colocationid = p.colocationid
            LEFT JOIN LATERAL (SELECT pg_catalog.array_agg(x.shardminvalue::int ORDER BY x.shardminvalue::int) AS minima,
                                      pg_catalog.array_agg(x.shardmaxvalue::int ORDER BY x.shardminvalue::int) AS maxima
                FROM pg_catalog.pg_dist_shard x WHERE x.logicalrelid = p.logicalrelid AND p.partmethod = 'h') s ON true
            WHERE (NOT c.relispartition OR p.partmethod <> 'h' AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i
                     JOIN pg_catalog.pg_dist_partition q ON q.logicalrelid = i.inhparent WHERE i.inhrelid = c.oid))
              AND {ModuleSchema.IsNotOf("c.oid")}
            ORDER BY 1, 2
            """, row => new StoredTable(row.GetString(0), new TableName(row.GetString(0), row.GetString(1)).ToString(),
                DistributedTable.KindOf(row.GetChar(2), row.GetChar(3), row.GetBoolean(4), row.GetInt32(5)), row.GetChar(2),
                row.TextOrNull(7), row.GetInt32(5), row.GetInt32(8), row.GetBoolean(6),
                row.GetFieldValue<string[]>(9), row.IsDBNull(10) ? []
                    : [.. row.GetFieldValue<int[]>(10).Zip(row.GetFieldValue<int[]>(11))]), stop);
        // A distributed schema without tables is one all the same.
        foreach (string schema in await session.ListAsync("""
            SELECT n.nspname FROM pg_catalog.pg_dist_schema d JOIN pg_catalog.pg_namespace n ON n.oid = d.schemaid::oid ORDER BY 1
            """, row => row.GetString(0), stop))
        {
            if (!tables.Exists(t => t.Kind == TableKind.Schema && t.Schema == schema))
                tables.Add(new StoredTable(schema, "", TableKind.Schema, 'n', null, 0, 1, false, [], []));
        }
        return tables;
    }
}
