using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>A columnar table with how its next stripes are written.</summary>
/// <param name="Compression">none, pglz, lz4 or zstd.</param>
/// <param name="CompressionLevel">Of zstd, 1 to 19.</param>
/// <param name="StripeRowLimit">Most rows of a stripe, which is written at once.</param>
/// <param name="ChunkGroupRowLimit">Most rows of a chunk group, which a query reads or skips.</param>
public sealed record ColumnarTable(
    string Table, string Compression, int CompressionLevel, int StripeRowLimit, int ChunkGroupRowLimit, bool IsDistributed, string Owner)
{
    /// <summary>The columnar tables of these names, or all that the role owns.</summary>
    public static async Task<IReadOnlyList<ColumnarTable>> ListAsync(CitusConnection connection, IReadOnlyCollection<string> names,
        CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        if (!connection.IsCitus) throw ChangeErrors.NotSupported(connection, "Columnar storage");
        var tables = new List<TableInfo>();
        foreach (string name in names) tables.Add(await TableCatalog.FindAsync(connection, session, Sql.TableName.Parse(name), stop));
        if (!await HasColumnarAsync(session, stop)) return tables.Count == 0 ? [] : throw TableChangeErrors.NotColumnar(tables[0].Display);
        List<ColumnarTable> found = await ReadAsync(session, tables.Count == 0 ? null : [.. tables.Select(t => t.Oid)], stop);
        return tables.Find(t => found.TrueForAll(f => f.Table != t.Display)) is { } other
            ? throw TableChangeErrors.NotColumnar(other.Display)
            : found;
    }

    internal static Task<bool> HasColumnarAsync(NpgsqlConnection session, CancellationToken stop) =>
        session.ScalarAsync<bool>("SELECT pg_catalog.to_regclass('columnar.options') IS NOT NULL", stop);

    internal static Task<List<ColumnarTable>> ReadAsync(NpgsqlConnection session, uint[]? tables, CancellationToken stop) =>
        session.ListAsync($"""
            SELECT {SearchPath.Show("c.oid")}, o.compression::text, o.compression_level, o.stripe_row_limit, o.chunk_group_row_limit,
                EXISTS (SELECT FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = c.oid), pg_catalog.pg_get_userbyid(c.relowner)
            FROM columnar.options o JOIN pg_catalog.pg_class c ON c.oid = o.relation
            WHERE $1::oid[] IS NULL OR c.oid = ANY ($1) ORDER BY 1
            """, row => new ColumnarTable(row.GetString(0), row.GetString(1), row.GetInt32(2), row.GetInt32(3), row.GetInt32(4),
                row.GetBoolean(5), row.GetString(6)), stop, (object?)tables ?? new NpgsqlParameter { Value = DBNull.Value,
                NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid });
}
