using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Comparison;

/// <summary>What is known of one of two tables before its rows are read.</summary>
/// <param name="Side">source or target.</param>
/// <param name="Keys">Those that tell rows apart: over columns, of all rows, none of them NULL; the primary key first.</param>
/// <param name="Encoding">The database's.</param>
/// <param name="Types">Those of its columns, by name.</param>
/// <param name="Place">Another one for each table of each database of each server, a server's physical copies included.</param>
internal sealed record ComparedTable(string Side, CitusConnection Connection, TableInfo Info, IReadOnlyList<UniqueKey> Keys,
    IReadOnlyDictionary<string, ComparedType> Types, string Encoding, string Place)
{
    /// <summary>A table of the source, and that of its name in the target.</summary>
    /// <exception cref="CitusException">One is missing, its rows are filtered, or the databases have not the same encoding.</exception>
    public static async Task<(ComparedTable Source, ComparedTable Target)> FindAsync(CitusConnection from, TableName name,
        CitusConnection to, CancellationToken stop)
    {
        ComparedTable source = await FindAsync("source", from, name, stop), target = await FindAsync("target", to, source.Info.Name, stop);
        return source.Encoding == target.Encoding ? (source, target) : throw ComparisonErrors.EncodingsDiffer(source, target);
    }

    private static async Task<ComparedTable> FindAsync(string side, CitusConnection connection, TableName name, CancellationToken stop)
    {
        try
        {
            await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
            TableInfo info = await TableCatalog.FindAsync(connection, session, name, stop);
            var keys = (await UniqueKey.ReadAsync(session, info.Oid, stop)).Where(k => k.Condition.Length == 0
                && k.Parts.Length == k.Columns.Length && k.Columns.All(c => info.Columns.First(i => i.Name == c).IsNotNull));
            (string encoding, bool isFiltered, string place) = await session.FirstAsync("""
                SELECT pg_catalog.current_setting('server_encoding'), pg_catalog.row_security_active($1::oid), d.oid || '/' || $1
                FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
                """, row => (row.GetString(0), row.GetBoolean(1), row.GetString(2)), stop, (long)info.Oid);
            string server = await CoordinatorFacts.IdentifierAsync(session, stop);
            string start = (await session.ScalarAsync<string>(CoordinatorFacts.Start, stop))!;
            var table = new ComparedTable(side, connection, info, [.. keys], await ComparedType.ReadAsync(session, info.Oid, stop),
                encoding, $"{server}/{start}/{place}");
            return isFiltered ? throw ComparisonErrors.RowsFiltered(table) : table;
        }
        catch (Exception e) when (e is CitusException or NpgsqlException && !stop.IsCancellationRequested)
        {
            throw ComparisonErrors.OnSide(side, e, name);
        }
    }
}
