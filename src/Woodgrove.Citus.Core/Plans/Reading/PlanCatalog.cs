using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>Reads <see cref="PlanFacts"/>.</summary>
internal static class PlanCatalog
{
    /// <summary>The settings that change how Citus plans.</summary>
    private static readonly string[] SettingNames =
    [
        "citus.enable_repartition_joins", "citus.enable_single_hash_repartition_joins", "citus.repartition_join_bucket_count_per_node",
        "citus.local_table_join_policy", "citus.coordinator_aggregation_strategy", "citus.count_distinct_error_rate",
        "citus.limit_clause_row_fetch_count", "citus.max_intermediate_result_size", "citus.multi_shard_modify_mode",
    ];

    // Parsing and planning lock every table of a query, those beneath views too: in the transaction of an EXPLAIN,
    // the session's locks are the query's tables. A query that was refused has lost its locks, and gives names.
    private static readonly string UsedTables = $"""
        WITH RECURSIVE used (oid) AS (
            SELECT relation FROM pg_catalog.pg_locks
            WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation'
              AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            UNION SELECT {SearchPath.Find("name")} FROM pg_catalog.unnest($1) name
            UNION SELECT d.refobjid FROM used
            JOIN pg_catalog.pg_rewrite r ON r.ev_class = used.oid
            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
                AND d.refclassid = 'pg_catalog.pg_class'::regclass)
        SELECT c.oid, {SearchPath.Show("c.oid")}, p.partmethod, p.repmodel,
               EXISTS (SELECT FROM pg_catalog.pg_dist_schema s WHERE s.colocationid = p.colocationid),
               CASE WHEN p.partkey IS NOT NULL THEN pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) END, p.colocationid,
               EXISTS (SELECT FROM pg_catalog.pg_locks w WHERE w.pid = pg_catalog.pg_backend_pid() AND w.locktype = 'relation'
                       AND w.relation = c.oid AND w.mode = 'RowExclusiveLock'),
               ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   ORDER BY a.attnum),
               ARRAY(SELECT pg_catalog.format_type(a.atttypid, NULL) || CASE
                   WHEN a.attcollation <> y.typcollation THEN ' COLLATE ' || a.attcollation::regcollation::text ELSE '' END
                     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid WHERE a.attrelid = c.oid
                         AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
        FROM used
        JOIN pg_catalog.pg_class c ON c.oid = used.oid AND c.relkind IN ('r', 'p', 'f')
             AND NOT (c.relispartition AND pg_catalog.pg_partition_root(c.oid)::oid IN (SELECT oid FROM used))
        LEFT JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = c.oid
        WHERE c.relnamespace <> 'pg_catalog'::regnamespace
        ORDER BY c.oid
        """;

    // A partition has shards of its own, which plans name and queries do not.
    private const string Shards = """
        SELECT t.root, s.shardid, pg_catalog.shard_name(s.logicalrelid, s.shardid), n.nodename, n.nodeport, s.logicalrelid::oid
        FROM (SELECT root, coalesce(p.relid::oid, root) AS relid FROM pg_catalog.unnest($1) root
            LEFT JOIN LATERAL pg_catalog.pg_partition_tree(root) p ON true) t
        JOIN pg_catalog.pg_dist_shard s ON s.logicalrelid::oid = t.relid
        JOIN pg_catalog.pg_dist_placement l ON l.shardid = s.shardid
        JOIN pg_catalog.pg_dist_node n ON n.groupid = l.groupid AND n.noderole = 'primary'
        ORDER BY s.shardid, n.groupid
        """;

    /// <summary>Reads what the catalogs say of the query that this transaction has just explained.</summary>
    /// <param name="names">Quoted names of tables to look at besides, for a query that was refused.</param>
    /// <param name="functions">Names of functions of which to find the aggregates.</param>
    /// <param name="settings">Settings to tell besides those of the planner.</param>
    /// <param name="withSizes">Asks all nodes for the sizes of shards.</param>
    public static async Task<PlanFacts> ReadAsync(
        CitusConnection connection, NpgsqlConnection session, string[] names, string[] functions, string[] settings, bool withSizes,
        CancellationToken stop)
    {
        // The session has the path of the query, which is the user's.
        await SearchPath.PinAsync(session, stop, local: true);
        List<PlanTable> tables = await TablesAsync(session, names, stop);
        await using var batch = new NpgsqlBatch(session)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(Shards)
                {
                    Parameters = { new() { Value = tables.Where(t => t.ColocationId is not null).Select(t => t.Oid).ToArray(),
                        NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Oid } },
                },
                new NpgsqlBatchCommand("SELECT nodename, nodeport FROM pg_catalog.pg_dist_node WHERE groupid = 0 AND noderole = 'primary'"),
                new NpgsqlBatchCommand("SELECT DISTINCT proname::text FROM pg_catalog.pg_proc WHERE prokind = 'a' AND proname = ANY ($1)")
                    { Parameters = { new() { Value = functions } } },
                new NpgsqlBatchCommand("SELECT name, pg_catalog.current_setting(name, "
                    + "true) FROM pg_catalog.unnest($1) name WHERE pg_catalog.current_setting(name, true) IS NOT NULL")
                {
                    Parameters = { new() { Value = SettingNames.Concat(settings).Distinct().ToArray() } },
                },
            },
        };
        await using NpgsqlDataReader row = await batch.ExecuteReaderAsync(stop);
        var placements = new List<Placement>();
        while (await row.ReadAsync(stop))
            placements.Add(new(row.GetFieldValue<uint>(0), row.GetInt64(1), TableName.Parse(row.GetString(2)).Name,
                (row.GetString(3), row.GetInt32(4)), row.GetFieldValue<uint>(5)));
        await row.NextResultAsync(stop);
        (string, int)? coordinator = await row.ReadAsync(stop) ? (row.GetString(0), row.GetInt32(1)) : null;
        await row.NextResultAsync(stop);
        var aggregates = new HashSet<string>();
        while (await row.ReadAsync(stop)) aggregates.Add(row.GetString(0));
        await row.NextResultAsync(stop);
        var values = new SortedDictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await row.ReadAsync(stop)) values[row.GetString(0)] = row.GetString(1);
        await row.DisposeAsync();
        Dictionary<long, long> sizes = !withSizes || placements.Count == 0 ? []
            : (await ShardSizes.ReadByOidAsync(connection, session, placements.Select(p => p.Relation).Distinct(), _ => { },
                stop)).Largest();
        tables = [.. tables.Select(t => t with { SizeBytes = t.DistributionColumn is null ? null
            : SizeOf(placements.Where(p => p.Root == t.Oid), sizes) })];
        Dictionary<long, PlanShard> shards = [], partitions = [];
        foreach (Placement p in placements)
        {
            Dictionary<long, PlanShard> found = p.Relation == p.Root ? shards : partitions;
            found[p.ShardId] = found.TryGetValue(p.ShardId, out PlanShard? known) ? known with { Nodes = [.. known.Nodes, p.Node] }
                : new PlanShard(p.ShardId, p.Name, tables.First(t => t.Oid == p.Root), [p.Node],
                    sizes.TryGetValue(p.ShardId, out long size) ? size : null);
        }
        return new PlanFacts { Tables = tables, Shards = shards, PartitionShards = partitions, Coordinator = coordinator,
            Aggregates = aggregates, Settings = values };
    }

    private sealed record Placement(uint Root, long ShardId, string Name, (string, int) Node, uint Relation);

    /// <summary>Null where one of them is not known.</summary>
    private static long? SizeOf(IEnumerable<Placement> placements, Dictionary<long, long> sizes) =>
        placements.Aggregate((long?)0, (sum, p) => sizes.TryGetValue(p.ShardId, out long size) ? sum + size : null);

    private static async Task<List<PlanTable>> TablesAsync(NpgsqlConnection session, string[] names, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(UsedTables, session) { Parameters = { new() { Value = names } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var tables = new List<PlanTable>();
        while (await row.ReadAsync(stop))
        {
            bool isKnown = !await row.IsDBNullAsync(2, stop);
            tables.Add(new PlanTable(
                row.GetFieldValue<uint>(0), row.GetString(1),
                isKnown ? DistributedTable.KindOf(row.GetChar(2), row.GetChar(3), row.GetBoolean(4), row.GetInt32(6)) : TableKind.Local,
                await row.IsDBNullAsync(5, stop) ? null : row.GetString(5), isKnown ? row.GetInt32(6) : null, row.GetBoolean(7),
                null,
                row.GetFieldValue<string[]>(8).Zip(row.GetFieldValue<string[]>(9)).ToDictionary(c => c.First, c => c.Second)));
        }
        return tables;
    }
}
