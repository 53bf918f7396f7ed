using System.Runtime.CompilerServices;
using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Catalog;

/// <summary>Finds the shard of a hash among ranges that splits may have made uneven.</summary>
internal sealed class ShardMap
{
    private const int IndexBits = 12;
    private readonly ushort[] _index = new ushort[1 << IndexBits];
    private readonly int[] _max;

    /// <param name="shards">All shards of a table; together they cover every hash.</param>
    public ShardMap(IReadOnlyList<ShardRange> shards)
    {
        Shards = [.. shards.OrderBy(s => s.HashMin)];
        _max = Shards.Select(s => s.HashMax).ToArray();
        for (int slot = 0, shard = 0; slot < _index.Length; slot++)
        {
            int lowest = (int)(((uint)slot << (32 - IndexBits)) ^ 0x80000000);
            while (_max[shard] < lowest) shard++;
            _index[slot] = (ushort)shard;
        }
    }

    /// <summary>The shards by their hash ranges.</summary>
    public IReadOnlyList<ShardRange> Shards { get; }

    /// <summary>The position in <see cref="Shards"/> of the shard that holds a hash.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(int hash)
    {
        // The slot's first shard is at most a few ranges too low.
        int shard = _index[((uint)hash ^ 0x80000000) >> (32 - IndexBits)];
        while (_max[shard] < hash) shard++;
        return shard;
    }
    /// <summary>The ranges that Citus gives a new table; on no node yet, numbered from 1.</summary>
    public static ShardMap Equal(int count)
    {
        // The last takes what the division leaves over.
        long width = (1L << 32) / count;
        return new ShardMap([.. Enumerable.Range(0, count).Select(i => new ShardRange(i + 1, "",
            (int)(int.MinValue + i * width), i == count - 1 ? int.MaxValue : (int)(int.MinValue + (i + 1) * width - 1), "", 0))]);
    }

    /// <summary>The placements of a table's shards by their hash ranges; several of one shard where it is kept on several nodes.</summary>
    public static async Task<IReadOnlyList<ShardRange>> ReadAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        return await session.ListAsync("""
            SELECT s.shardid, (parse_ident(pg_catalog.shard_name(s.logicalrelid,
                s.shardid)))[array_upper(parse_ident(pg_catalog.shard_name(s.logicalrelid, s.shardid)), 1)],
                   s.shardminvalue::int, s.shardmaxvalue::int, n.nodename, n.nodeport
            FROM pg_catalog.pg_dist_shard s
            JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid AND p.shardstate = 1
            JOIN pg_catalog.pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
            WHERE s.logicalrelid = $1::oid ORDER BY s.shardminvalue::int, n.nodename, n.nodeport
            """, row => new ShardRange(row.GetInt64(0), row.GetString(1), row.GetInt32(2), row.GetInt32(3), row.GetString(4),
                row.GetInt32(5)), stop, table.Oid);
    }
}
