using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Profiling;

/// <summary>What a plan knows of a table.</summary>
/// <param name="Rows">Of the planner's statistics; null where there are none.</param>
/// <param name="HasPolicies">True where reading its rows would run row level security policies, which may call anything of their owner's.</param>
internal sealed record PlannedTable(string Name, TableName Exact, string Schema, long? Rows, long SizeBytes, bool IsReadable,
    bool HasPolicies, bool MayUseSchema, bool HasIdentity)
{
    public IReadOnlyDictionary<string, ColumnEvidence> Columns { get; set; } = new Dictionary<string, ColumnEvidence>();

    /// <summary>What Find-DistributionColumn says of it; empty where it has no rows or they can't be read.</summary>
    public IReadOnlyList<DistributionCandidate> Candidates { get; set; } = [];
    public IReadOnlyList<UniqueKey> Keys { get; set; } = [];
    public List<PlannedForeignKey> ForeignKeys { get; } = [];

    /// <summary>Counted where its rows were read.</summary>
    public long? Counted { get; set; }
    public long RowCount => Counted ?? Rows ?? 0;

    public DistributionCandidate? Candidate(string column) => Candidates.FirstOrDefault(c => c.Column == column);

    /// <summary>Tables that Citus does not know, partitions aside.</summary>
    public static async Task<List<PlannedTable>> ReadAsync(NpgsqlConnection session, bool citus, CancellationToken stop)
    {
        string known = citus ? "AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = c.oid)" : "";
        List<PlannedTable> tables = await session.ListAsync($"""
            SELECT {SearchPath.Show("c.oid")}, n.nspname, c.relname, s.rows, s.size,
                pg_catalog.has_table_privilege(c.oid, 'SELECT'),
                pg_catalog.row_security_active(c.oid), pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
                EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity <> '' AND NOT a.attisdropped)
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL (SELECT nullif(sum(l.reltuples) FILTER (WHERE l.reltuples >= 0), NULL)::bigint AS rows,
                    coalesce(sum(pg_catalog.pg_total_relation_size(l.oid)), 0)::bigint AS size
                FROM (SELECT c.oid UNION SELECT t.relid::oid FROM pg_catalog.pg_partition_tree(c.oid) t) p (oid)
                JOIN pg_catalog.pg_class l ON l.oid = p.oid AND l.relkind = 'r') s
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' {known}
                AND n.nspname NOT IN ('information_schema', 'citus', 'citus_internal', 'columnar', 'columnar_internal',
                    'citus_standin', 'citus_standin_old', '{ModuleSchema.Name}')
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                    AND d.deptype = 'e')
            ORDER BY 1
            """, row => new PlannedTable(row.GetString(0), new TableName(row.GetString(1), row.GetString(2)), row.GetString(1),
                row.IsDBNull(3) ? null : row.GetInt64(3), row.GetInt64(4), row.GetBoolean(5), row.GetBoolean(6), row.GetBoolean(7), row.GetBoolean(8)), stop);
        await ReadForeignKeysAsync(session, tables, stop);
        return tables;
    }

    private static async Task ReadForeignKeysAsync(NpgsqlConnection session, List<PlannedTable> tables, CancellationToken stop)
    {
        List<PlannedForeignKey> keys = await session.ListAsync($$"""
            SELECT k.conname, {{SearchPath.Show("k.conrelid")}}, {{SearchPath.Show("k.confrelid")}},
                ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u (n, i)
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
                ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u (n, i)
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i),
                coalesce(pg_catalog.substring(pg_catalog.pg_get_constraintdef(k.oid), ' (?:MATCH|ON|DEFERRABLE|NOT VALID).*$'), ''),
                EXISTS (SELECT FROM pg_catalog.pg_attribute a
                    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                    WHERE a.attrelid = k.conrelid
                        AND (a.attidentity <> '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%')
                        AND (k.confupdtype = 'd' AND a.attnum = ANY (k.conkey)
                            -- The column is not there before PostgreSQL 15.
                            OR k.confdeltype = 'd' AND a.attnum = ANY (coalesce(pg_catalog.translate(
                                pg_catalog.to_jsonb(k) ->> 'confdelsetcols', '[]', '{}')::smallint[], k.conkey))))
            FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY 2, 1
            """, row => new PlannedForeignKey(row.GetString(0), row.GetString(1), row.GetString(2), row.GetFieldValue<string[]>(3),
                row.GetFieldValue<string[]>(4), row.GetString(5), row.GetBoolean(6)), stop);
        ILookup<string, PlannedForeignKey> byTable = keys.ToLookup(k => k.Table);
        foreach (PlannedTable table in tables) table.ForeignKeys.AddRange(byTable[table.Name]);
    }
}
