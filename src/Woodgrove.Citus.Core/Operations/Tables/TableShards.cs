using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>The shards of some tables and of their partitions.</summary>
/// <param name="SizeBytes">One copy of each; null where a size could not be read.</param>
internal sealed record TableShards(long[] Shards, long? SizeBytes)
{
    /// <param name="warn">Receives sizes that could not be read.</param>
    public static async Task<TableShards> ReadAsync(CitusConnection connection, NpgsqlConnection session, uint[] tables,
        Action<string> warn, CancellationToken stop)
    {
        List<(uint Table, long Shard)> shards = await session.ListAsync("""
            SELECT logicalrelid::oid, shardid FROM pg_catalog.pg_dist_shard
            WHERE logicalrelid::oid = ANY (SELECT unnest($1) UNION SELECT p.relid::oid FROM unnest($1) t, pg_catalog.pg_partition_tree(t) p)
            ORDER BY 2
            """, row => (row.GetFieldValue<uint>(0), row.GetInt64(1)), stop, tables);
        long[] ids = [.. shards.Select(s => s.Shard)];
        if (ids.Length == 0) return new(ids, null);
        ShardSizes sizes = await ShardSizes.ReadByOidAsync(connection, session, shards.Select(s => s.Table).Distinct(), warn, stop);
        Dictionary<long, long> known = sizes.Largest();
        return new(ids, ids.All(known.ContainsKey) ? ids.Sum(s => known[s]) : null);
    }
}
