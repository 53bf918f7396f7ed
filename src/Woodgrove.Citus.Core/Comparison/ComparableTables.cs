using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Comparison;

/// <summary>
/// The tables that a database has of its own: no partitions, which are compared with their parents, and none of an extension.
/// </summary>
public static class ComparableTables
{
    public static async Task<IReadOnlyList<ListedTable>> ListAsync(CitusConnection connection, CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        return await session.ListAsync($"""
            SELECT {SearchPath.Show("c.oid")}, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
                n.nspname = '{ModuleSchema.Name}'
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
              AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype = 'e')
            ORDER BY 2
            """, row => new ListedTable(row.GetString(0), row.GetString(1), false, row.GetBoolean(2)), stop);
    }
}
