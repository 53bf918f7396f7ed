using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>A table as it is after a change, be it Citus's or a local one.</summary>
public static class ChangedTable
{
    /// <param name="warn">Receives sizes that could not be read.</param>
    public static async Task<DistributedTable> ReadAsync(CitusConnection connection, TableName name, Action<string> warn,
        CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        TableInfo table = await TableCatalog.FindAsync(connection, session, name, stop);
        if (table.ColocationId is null)
        {
            return (await session.FirstAsync("""
                SELECT pg_catalog.pg_total_relation_size(c.oid), pg_catalog.pg_get_userbyid(c.relowner), coalesce(m.amname::text, 'heap')
                FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam WHERE c.oid = $1::oid
                """, row => new DistributedTable(table.Display, TableKind.Local, null, null, 0, 0, row.GetInt64(0), 0, row.GetString(1),
                    row.GetString(2)), stop, table.Oid))!;
        }
        ShardSizes sizes = await ShardSizes.ReadAsync(connection, session, [table], warn, stop);
        await foreach (DistributedTable found in DistributedTable.ReadAsync(session, [table], sizes, module: true, stop)) return found;
        throw CatalogErrors.NoTable(name, session.Database);
    }
}
