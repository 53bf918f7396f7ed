using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Transfer;

/// <summary>Finds the shard of a row from its distribution value, in COPY's binary form.</summary>
/// <param name="column">The distribution column's place in a row.</param>
internal sealed class BinaryRouter(string table, int column, BinaryHasher.Hasher hash, ShardMap shards)
{
    public string Table => table;
    public int Column => column;

    /// <summary>The shard's position in the map.</summary>
    public int Find(ReadOnlySpan<byte> key) => shards.Find(hash(key));
}
