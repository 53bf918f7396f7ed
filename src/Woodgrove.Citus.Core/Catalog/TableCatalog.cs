using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Catalog;

/// <summary>Finds tables in the server's catalogs.</summary>
public static class TableCatalog
{
    private const string Columns = """
        SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid,
               a.attnotnull, a.atthasdef AND a.attgenerated = '', a.attidentity <> '', a.attgenerated <> '',
               t.typcategory IN ('S', 'Z') OR t.typname IN ('bytea', 'varbit', 'tsvector', 'tsquery', 'xml', 'oidvector', 'int2vector',
                   'hstore', 'ltree')
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
        """;

    private static readonly string Table = $"""
        SELECT c.oid, n.nspname, c.relname, {SearchPath.Show("c.oid")}, c.relkind
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = coalesce({SearchPath.Find("$1")}, {SearchPath.Find("$2")})
        """;

    private const string Distribution = """
        SELECT p.partmethod, p.repmodel, p.colocationid,
               CASE WHEN p.partkey IS NOT NULL THEN pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) END,
               EXISTS (SELECT FROM pg_catalog.pg_dist_schema s WHERE s.colocationid = p.colocationid)
        FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = pg_catalog.to_regclass($1)
        """;

    /// <summary>The table of that name.</summary>
    /// <exception cref="CitusException">There is none, or it is a view, an index or the like.</exception>
    public static async Task<TableInfo> FindAsync(CitusConnection connection, NpgsqlConnection session, TableName name,
        CancellationToken stop)
    {
        (uint oid, TableName exact, string display) = await FindClassAsync(session, name, stop);

        await using var batch = new NpgsqlBatch(session)
        {
            BatchCommands = { new NpgsqlBatchCommand(Columns) { Parameters = { new() { Value = exact.Sql } } } },
        };
        if (connection.CitusVersion is not null)
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Distribution) { Parameters = { new() { Value = exact.Sql } } });

        await using NpgsqlDataReader rows = await batch.ExecuteReaderAsync(stop);
        var columns = new List<TableColumn>();
        while (await rows.ReadAsync(stop))
        {
            columns.Add(new TableColumn(rows.GetString(0), rows.GetString(1), rows.GetFieldValue<uint>(2),
                rows.GetBoolean(3), rows.GetBoolean(4), rows.GetBoolean(5), rows.GetBoolean(6))
                { HasEmptyText = rows.GetBoolean(7) });
        }
        var table = new TableInfo { Oid = oid, Name = exact, Display = display, Kind = TableKind.Local, Columns = columns };
        if (!await rows.NextResultAsync(stop) || !await rows.ReadAsync(stop)) return table;
        return table with
        {
            Kind = DistributedTable.KindOf(rows.GetChar(0), rows.GetChar(1), rows.GetBoolean(4), rows.GetInt32(2)),
            ColocationId = rows.GetInt32(2),
            DistributionColumn = await rows.IsDBNullAsync(3, stop) ? null : rows.GetString(3),
        };
    }

    /// <summary>
    /// Statements for the foreign keys of a table, and for those to it: what drops each, and for one to a reference table what adds
    /// it again; one to a distributed table can't be added once the two are not colocated.
    /// </summary>
    internal static Task<List<(string Drop, string? Add)>> ForeignKeysAsync(NpgsqlConnection session, uint table, CancellationToken stop) =>
        session.ListAsync("""
            SELECT 'ALTER TABLE ' || k.conrelid::regclass || ' DROP CONSTRAINT ' || pg_catalog.quote_ident(k.conname),
                CASE WHEN p.partmethod = 'n' AND p.repmodel = 't' THEN 'ALTER TABLE ' || k.conrelid::regclass || ' ADD CONSTRAINT '
                    || pg_catalog.quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid) END
            FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = k.confrelid
            WHERE k.contype = 'f' AND k.conparentid = 0 AND $1::oid IN (k.conrelid, k.confrelid) ORDER BY k.conname
            """, row => (row.GetString(0), row.TextOrNull(1)), stop, table);

    private static async Task<(uint Oid, TableName Name, string Display)> FindClassAsync(
        NpgsqlConnection session, TableName name, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(Table, session)
        {
            Parameters = { new() { Value = name.Sql }, new() { Value = name.ExactSql } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        if (!await row.ReadAsync(stop))
        {
            await row.DisposeAsync();
            if (!await SearchPath.IsKeptAsync(session, stop)) throw CatalogErrors.PooledSession(name);
            throw CatalogErrors.NoTable(name, session.Database);
        }
        if (row.GetChar(4) is not ('r' or 'p' or 'f')) throw CatalogErrors.NotATable(name, row.GetChar(4));
        return (row.GetFieldValue<uint>(0), new TableName(row.GetString(1), row.GetString(2)), row.GetString(3));
    }
}
