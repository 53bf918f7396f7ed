using System.Runtime.CompilerServices;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Catalog;

/// <summary>What the cluster's catalogs say, as objects.</summary>
public static class ClusterMetadata
{
    /// <param name="withSizes">Asks the nodes, too.</param>
    /// <param name="warn">Receives sizes that could not be read.</param>
    public static async IAsyncEnumerable<CitusNode> NodesAsync(
        CitusConnection connection, bool withSizes, Action<string> warn, [EnumeratorCancellation] CancellationToken stop, bool reach = true)
    {
        await using NpgsqlConnection session = await OpenAsync(connection, stop);
        await foreach (CitusNode node in CitusNode.ReadAsync(session, await SizesAsync(connection, session, [], withSizes, warn, stop),
            reach, stop)) yield return node;
    }

    /// <summary>The tables of these names, with sizes, or all that Citus knows.</summary>
    public static async IAsyncEnumerable<DistributedTable> TablesAsync(
        CitusConnection connection, IReadOnlyCollection<string> names, bool withSizes, Action<string> warn,
        [EnumeratorCancellation] CancellationToken stop, bool module = false)
    {
        await using NpgsqlConnection session = await OpenAsync(connection, stop);
        List<TableInfo> tables = await FindAsync(connection, session, names, stop);
        await foreach (DistributedTable table in DistributedTable.ReadAsync(session, tables,
            await SizesAsync(connection, session, tables, withSizes, warn, stop), module, stop)) yield return table;
    }

    /// <summary>The placements of these tables, with sizes, or of all; with a value, those of the one shard that holds it.</summary>
    public static async IAsyncEnumerable<ShardPlacement> PlacementsAsync(
        CitusConnection connection, IReadOnlyCollection<string> names, object? value, bool withSizes, Action<string> warn,
        [EnumeratorCancellation] CancellationToken stop, bool module = false)
    {
        await using NpgsqlConnection session = await OpenAsync(connection, stop);
        List<TableInfo> tables = await FindAsync(connection, session, names, stop);
        ShardSizes sizes = await SizesAsync(connection, session, tables, withSizes, warn, stop);
        if (value is null)
        {
            await foreach (ShardPlacement placement in ShardPlacement.ReadAsync(session, tables, null, sizes, module, stop))
                yield return placement;
            yield break;
        }
        foreach (TableInfo table in tables)
        {
            var resolver = await ShardResolver.OpenAsync(session, table, stop);
            long shard = (await resolver.ResolveAsync(session, [value], stop))[0].Location().ShardId;
            await foreach (ShardPlacement placement in ShardPlacement.ReadAsync(session, [table], shard, sizes, module, stop))
                yield return placement;
        }
    }

    /// <summary>The placements of one shard, without sizes.</summary>
    public static async IAsyncEnumerable<ShardPlacement> PlacementsAsync(
        CitusConnection connection, long shardId, [EnumeratorCancellation] CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(connection, stop);
        await foreach (ShardPlacement placement in ShardPlacement.ReadAsync(session, [], shardId, ShardSizes.Unread, true, stop))
            yield return placement;
    }

    /// <summary>Those of tables that are named are a quick question; those of all are read where they are asked for.</summary>
    private static async Task<ShardSizes> SizesAsync(
        CitusConnection connection, NpgsqlConnection session, IReadOnlyCollection<TableInfo> tables, bool withSizes, Action<string> warn,
        CancellationToken stop) =>
        withSizes || tables.Count > 0 ? await ShardSizes.ReadAsync(connection, session, tables, warn, stop) : ShardSizes.Unread;

    /// <summary>Names of tables that begin so, for completion.</summary>
    public static Task<IReadOnlyList<string>> TableNamesAsync(CitusConnection connection, string start, CancellationToken stop) =>
        NamesAsync(connection, $"""
        SELECT name FROM (SELECT {SearchPath.Show("c.oid")} AS name
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
            AND n.nspname NOT IN ('information_schema', 'citus', 'citus_internal', 'columnar', 'columnar_internal')
          AND (n.nspname <> '{ModuleSchema.Name}' OR pg_catalog.starts_with($1, '{ModuleSchema.Name}.'))
        ) t WHERE pg_catalog.starts_with(name, $1)
        ORDER BY 1 LIMIT 200
        """, start, stop);

    /// <summary>
    /// The tables that patterns can stand for: those that Citus knows, and where <paramref name="plain"/>, all others
    /// too.
    /// </summary>
    public static async Task<IReadOnlyList<ListedTable>> ListedAsync(CitusConnection connection, bool plain, CancellationToken stop)
    {
        await using NpgsqlConnection session = await OpenAsync(connection, stop);
        return await session.ListAsync($"""
            SELECT {SearchPath.Show("c.oid")}, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
                coalesce(p.partmethod = 'h', false), n.nspname = '{ModuleSchema.Name}'
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = c.oid
            WHERE p.logicalrelid IS NOT NULL
              OR $1 AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
                  AND n.nspname NOT IN ('information_schema', 'citus', 'citus_internal', 'columnar', 'columnar_internal')
            ORDER BY 1
            """, row => new ListedTable(row.GetString(0), row.GetString(1), row.GetBoolean(2), row.GetBoolean(3)), stop, plain);
    }

    /// <summary>
    /// The tables that hold a database's rows, on a cluster or a plain server: neither partitions, which their tables stand for,
    /// nor what extensions made.
    /// </summary>
    public static async Task<IReadOnlyList<ListedTable>> OwnTablesAsync(CitusConnection connection, CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        return await session.ListAsync($"""
            SELECT {SearchPath.Show("c.oid")}, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
                n.nspname = '{ModuleSchema.Name}'
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
                AND n.nspname NOT IN ('information_schema', 'citus', 'citus_internal', 'columnar', 'columnar_internal')
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
            ORDER BY 1
            """, row => new ListedTable(row.GetString(0), row.GetString(1), false, row.GetBoolean(2)), stop);
    }

    /// <summary>Names of a table's columns, for completion.</summary>
    public static Task<IReadOnlyList<string>> ColumnNamesAsync(CitusConnection connection, string table, CancellationToken stop) =>
        NamesAsync(connection, $"""
        SELECT attname::text FROM pg_catalog.pg_attribute
        WHERE attrelid = {SearchPath.Find("$1")} AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """, TableName.Parse(table).Sql, stop);

    private static async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string sql, string argument,
        CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        return await session.ListAsync(sql, row => row.GetString(0), stop, argument);
    }

    /// <summary>A session to a database that has Citus.</summary>
    internal static async Task<NpgsqlConnection> OpenAsync(CitusConnection connection, CancellationToken stop)
    {
        if (connection.CitusVersion is null) throw CatalogErrors.NoCitus(connection);
        return await connection.OpenSessionAsync(stop);
    }

    internal static async Task<List<TableInfo>> FindAsync(
        CitusConnection connection, NpgsqlConnection session, IReadOnlyCollection<string> names, CancellationToken stop)
    {
        var tables = new List<TableInfo>();
        foreach (string name in names)
        {
            TableInfo table = await TableCatalog.FindAsync(connection, session, TableName.Parse(name), stop);
            if (table.Kind == TableKind.Local && table.ColocationId is null) throw CatalogErrors.PlainTable(table);
            tables.Add(table);
        }
        return tables;
    }
}
