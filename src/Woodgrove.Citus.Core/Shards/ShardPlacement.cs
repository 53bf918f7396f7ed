using Npgsql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>One shard on one node.</summary>
/// <param name="Table">The table, schema-qualified where its schema is not on the search path.</param>
/// <param name="ShardName">The shard's own table on the node.</param>
/// <param name="HashMin">The lowest hash that the shard holds, or null where rows are not hashed (a reference table).</param>
/// <param name="HashMax">The highest hash that the shard holds.</param>
/// <param name="SizeBytes">Bytes on the node, indexes and TOAST included.</param>
/// <param name="ToMean">The size over that of the table's mean placement; 1 is even.</param>
/// <param name="ColocationId">Tables that share it have rows of equal distribution values on the same node.</param>
public sealed record ShardPlacement(
    string Table, long ShardId, string ShardName, int? HashMin, int? HashMax,
    string NodeName, int NodePort, long SizeBytes, int ColocationId, double ToMean)
{
    /// <summary>The placements of some tables, or of all where none is named.</summary>
    internal static async IAsyncEnumerable<ShardPlacement> ReadAsync(
        NpgsqlConnection session, IReadOnlyCollection<TableInfo> tables, long? shardId,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT s.table_name::text, s.shardid, s.shard_name, d.shardminvalue::int, d.shardmaxvalue::int,
                   s.nodename, s.nodeport, coalesce(s.shard_size, 0)::bigint, s.colocation_id, coalesce(round(s.shard_size / nullif(s.mean, 0), 4), 0)::float8
            FROM (SELECT *, avg(shard_size) OVER (PARTITION BY table_name) AS mean FROM pg_catalog.citus_shards) s
            JOIN pg_catalog.pg_dist_shard d ON d.shardid = s.shardid
            WHERE ($1::oid[] IS NULL OR s.table_name::oid = ANY ($1)) AND ($2::bigint IS NULL OR s.shardid = $2)
            ORDER BY s.table_name::text, s.shardid, s.nodename, s.nodeport
            """, session);
        command.Parameters.Add(new() { Value = tables.Count == 0 ? DBNull.Value : tables.Select(t => t.Oid).ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid });
        command.Parameters.Add(new() { Value = (object?)shardId ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            yield return new ShardPlacement(
                row.GetString(0), row.GetInt64(1), row.GetString(2),
                await row.IsDBNullAsync(3, stop) ? null : row.GetInt32(3), await row.IsDBNullAsync(4, stop) ? null : row.GetInt32(4),
                row.GetString(5), row.GetInt32(6), row.GetInt64(7), row.GetInt32(8), row.GetDouble(9));
        }
    }
}
