namespace Woodgrove.Citus.Catalog;

/// <summary>How Citus keeps a table's rows.</summary>
public enum TableKind
{
    /// <summary>A plain table of the node one is connected to; Citus does not know it.</summary>
    Local,

    /// <summary>Split into shards by the hash of the distribution column.</summary>
    Distributed,

    /// <summary>One shard, a full copy of it on every node.</summary>
    Reference,

    /// <summary>A table of a distributed schema: one shard, on one node.</summary>
    Schema,

    /// <summary>Distributed without a column: one shard, on one node.</summary>
    SingleShard,
}
