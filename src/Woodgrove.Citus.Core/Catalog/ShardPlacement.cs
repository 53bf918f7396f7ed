using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Catalog;

/// <summary>One shard on one node.</summary>
/// <param name="Table">The table, schema-qualified where its schema is not on the search path.</param>
/// <param name="ShardName">The shard's own table on the node.</param>
/// <param name="HashMin">The lowest hash that the shard holds, or null where rows are not hashed (a reference table).</param>
/// <param name="HashMax">The highest hash that the shard holds.</param>
/// <param name="SizeBytes">Bytes on the node, indexes and TOAST included; null where it was not read.</param>
/// <param name="ToMean">The size over that of the table's mean placement; 1 is even. Null where sizes were not read.</param>
/// <param name="ColocationId">Tables that share it have rows of equal distribution values on the same node.</param>
public sealed record ShardPlacement(
    string Table, long ShardId, string ShardName, int? HashMin, int? HashMax,
    string NodeName, int NodePort, long? SizeBytes, int ColocationId, double? ToMean)
{
    /// <summary>The placements of some tables, or of all where none is named.</summary>
    internal static async IAsyncEnumerable<ShardPlacement> ReadAsync(
        NpgsqlConnection session, IReadOnlyCollection<TableInfo> tables, long? shardId, ShardSizes sizes, bool module,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"""
            SELECT {SearchPath.Show("s.relation")}, s.shardid, pg_catalog.shard_name(s.relation, s.shardid), s.shardminvalue::int,
                s.shardmaxvalue::int, s.nodename, s.nodeport,
                   s.size, s.colocationid, CASE WHEN s.size IS NOT NULL THEN coalesce(round(s.size / nullif(s.mean, 0), 4), 0)::float8 END
            FROM (SELECT d.logicalrelid AS relation, d.shardid, d.shardminvalue, d.shardmaxvalue, n.nodename, n.nodeport, p.colocationid,
                z.size,
                         avg(z.size) OVER (PARTITION BY d.logicalrelid) AS mean
                  FROM pg_catalog.pg_dist_shard d
                  JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = d.logicalrelid
                  JOIN pg_catalog.pg_dist_placement l ON l.shardid = d.shardid AND l.shardstate = 1
                  JOIN pg_catalog.pg_dist_node n ON n.groupid = l.groupid AND n.noderole = 'primary'
                  {ShardSizes.Join}
                  WHERE {ModuleSchema.Shows("$4::oid[]", "d.logicalrelid", module)}) s
            WHERE $5::bigint IS NULL OR s.shardid = $5
            ORDER BY 1, s.shardid, s.nodename, s.nodeport
            """, session);
        sizes.AddTo(command);
        command.Parameters.Add(new() { Value = tables.Count == 0 ? DBNull.Value : tables.Select(t => t.Oid).ToArray(),
            NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid });
        command.Parameters.Add(new() { Value = (object?)shardId ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            yield return new ShardPlacement(
                row.GetString(0), row.GetInt64(1), row.GetString(2),
                await row.IsDBNullAsync(3, stop) ? null : row.GetInt32(3), await row.IsDBNullAsync(4, stop) ? null : row.GetInt32(4),
                row.GetString(5), row.GetInt32(6), await row.IsDBNullAsync(7, stop) ? null : row.GetInt64(7), row.GetInt32(8),
                await row.IsDBNullAsync(9, stop) ? null : row.GetDouble(9));
        }
    }
}
