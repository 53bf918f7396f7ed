using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>A distributed schema: its tables are all on one node, which is its tenant's.</summary>
/// <param name="NodeName">Null while it has no table.</param>
/// <param name="SizeBytes">All its tables with indexes; null where a size could not be read.</param>
public sealed record DistributedSchema(
    string Schema, string? NodeName, int? NodePort, long TableCount, long? SizeBytes, int ColocationId, string Owner)
{
    /// <param name="schema">Its exact name; null for all.</param>
    /// <param name="warn">Receives sizes that could not be read.</param>
    public static async Task<IReadOnlyList<DistributedSchema>> ListAsync(CitusConnection connection, string? schema, Action<string> warn,
        CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        List<uint> tables = await session.ListAsync("""
            SELECT p.logicalrelid::oid FROM pg_catalog.pg_dist_schema s JOIN pg_catalog.pg_dist_partition p USING (colocationid)
            JOIN pg_catalog.pg_namespace n ON n.oid = s.schemaid WHERE $1::text IS NULL OR n.nspname = $1
            """, row => row.GetFieldValue<uint>(0), stop, schema);
        ShardSizes sizes = tables.Count == 0 ? ShardSizes.Unread : await ShardSizes.ReadByOidAsync(connection, session, tables, warn, stop);
        await using var command = new NpgsqlCommand($"""
            SELECT n.nspname, min(d.nodename), min(d.nodeport), count(DISTINCT t.oid), {ShardSizes.Sum}, s.colocationid,
                pg_catalog.pg_get_userbyid(n.nspowner)
            FROM pg_catalog.pg_dist_schema s
            JOIN pg_catalog.pg_namespace n ON n.oid = s.schemaid
            LEFT JOIN pg_catalog.pg_dist_partition p ON p.colocationid = s.colocationid
            LEFT JOIN pg_catalog.pg_class t ON t.oid = p.logicalrelid AND NOT t.relispartition
            LEFT JOIN pg_catalog.pg_dist_shard h ON h.logicalrelid = p.logicalrelid
            LEFT JOIN pg_catalog.pg_dist_placement l ON l.shardid = h.shardid AND l.shardstate = 1
            LEFT JOIN pg_catalog.pg_dist_node d ON d.groupid = l.groupid AND d.noderole = 'primary'
            {ShardSizes.Join}
            WHERE $4::text IS NULL OR n.nspname = $4
            GROUP BY n.nspname, s.colocationid, n.nspowner ORDER BY 1
            """, session);
        sizes.AddTo(command);
        command.Parameters.Add(new() { Value = (object?)schema ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var schemas = new List<DistributedSchema>();
        while (await row.ReadAsync(stop))
        {
            schemas.Add(new(row.GetString(0), row.TextOrNull(1), row.IsDBNull(2) ? null : row.GetInt32(2), row.GetInt64(3),
                row.IsDBNull(4) ? (row.GetInt64(3) == 0 ? 0 : null) : row.GetInt64(4), row.GetInt32(5), row.GetString(6)));
        }
        return schemas;
    }

    /// <summary>Names of schemas that begin so, for completion.</summary>
    public static async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        return await session.ListAsync("""
            SELECT nspname::text FROM pg_catalog.pg_namespace
            WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema', 'citus', 'citus_internal', 'columnar',
                    'columnar_internal', 'woodgrove')
                AND pg_catalog.starts_with(nspname::text, $1) ORDER BY 1 LIMIT 200
            """, row => row.GetString(0), stop, start);
    }
}
