using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Catalog;

/// <summary>A table that Citus knows.</summary>
/// <param name="Type">Distributed, Reference, Schema, SingleShard or Local.</param>
/// <param name="DistributionColumn">Null for tables that have none.</param>
/// <param name="SizeBytes">All shards on all nodes, indexes and TOAST included; null where it was not read.</param>
public sealed record DistributedTable(
    string Table, TableKind Type, string? DistributionColumn, string? DistributionColumnType, int ColocationId,
    long ShardCount, long? SizeBytes, int ReplicationFactor, string Owner, string AccessMethod)
{
    internal static async IAsyncEnumerable<DistributedTable> ReadAsync(
        NpgsqlConnection session, IReadOnlyCollection<TableInfo> tables, ShardSizes sizes, bool module,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        // Not citus_tables: it gives no rows at all to a user who lacks USAGE on one schema with such a table.
        await using var command = new NpgsqlCommand($"""
            SELECT {SearchPath.Show("p.logicalrelid")} AS shown, p.partmethod, p.repmodel,
                   EXISTS (SELECT FROM pg_catalog.pg_dist_schema d WHERE d.colocationid = p.colocationid),
                   k.attname, pg_catalog.format_type(k.atttypid, k.atttypmod), p.colocationid,
                   coalesce(s.shards, 0), s.size, coalesce(s.placements / nullif(s.shards, 0), 0)::int,
                   pg_catalog.pg_get_userbyid(c.relowner), coalesce(m.amname, 'heap')
            FROM pg_catalog.pg_dist_partition p
            JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid
            LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
            LEFT JOIN pg_catalog.pg_attribute k ON p.partkey IS NOT NULL AND k.attrelid = p.logicalrelid
                 AND k.attname = pg_catalog.column_to_column_name(p.logicalrelid, p.partkey)
            LEFT JOIN (SELECT d.logicalrelid::oid AS relid, count(DISTINCT d.shardid) AS shards, count(*) AS placements,
                {ShardSizes.Sum} AS size
                       FROM pg_catalog.pg_dist_shard d
                       JOIN pg_catalog.pg_dist_placement l ON l.shardid = d.shardid AND l.shardstate = 1
                       JOIN pg_catalog.pg_dist_node n ON n.groupid = l.groupid AND n.noderole = 'primary'
                       {ShardSizes.Join}
                       GROUP BY 1) s ON s.relid = p.logicalrelid
            WHERE {ModuleSchema.Shows("$4::oid[]", "p.logicalrelid", module)}
            ORDER BY 1
            """, session);
        sizes.AddTo(command);
        command.Parameters.Add(new() { Value = tables.Count == 0 ? DBNull.Value : tables.Select(t => t.Oid).ToArray(),
            NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            yield return new DistributedTable(
                row.GetString(0), KindOf(row.GetChar(1), row.GetChar(2), row.GetBoolean(3), row.GetInt32(6)),
                await row.IsDBNullAsync(4, stop) ? null : row.GetString(4), await row.IsDBNullAsync(5, stop) ? null : row.GetString(5),
                row.GetInt32(6), row.GetInt64(7), await row.IsDBNullAsync(8, stop) ? null : row.GetInt64(8), row.GetInt32(9),
                row.GetString(10), row.GetString(11));
        }
    }

    /// <summary>Reads <c>pg_dist_partition</c>'s partmethod, repmodel and colocationid, which of local tables is 0.</summary>
    internal static TableKind KindOf(char partMethod, char replicationModel, bool ofDistributedSchema, int colocationId) =>
        ofDistributedSchema ? TableKind.Schema
        : partMethod is 'h' or 'r' or 'a' ? TableKind.Distributed
        : replicationModel == 't' ? TableKind.Reference
        : colocationId > 0 ? TableKind.SingleShard
        : TableKind.Local;
}
