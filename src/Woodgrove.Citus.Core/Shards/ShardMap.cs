using System.Runtime.CompilerServices;

namespace Woodgrove.Citus.Shards;

/// <summary>A shard's hash range and where it lies.</summary>
internal sealed record ShardRange(long ShardId, string ShardName, int HashMin, int HashMax, string NodeName, int NodePort);

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
}
