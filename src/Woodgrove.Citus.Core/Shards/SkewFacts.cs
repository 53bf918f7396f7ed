namespace Woodgrove.Citus.Shards;

/// <summary>A table as it was found.</summary>
/// <param name="Nodes">The nodes that may hold shards.</param>
internal sealed record SkewFacts(
    uint Oid, string Table, string Column, IReadOnlyList<ShardFacts> Shards, IReadOnlyList<(string Name, int Port)> Nodes)
{
    public IReadOnlyDictionary<long, KeyFacts> Keys { get; init; } = new Dictionary<long, KeyFacts>();

    /// <summary>What must be done before a shard can be split or moved online, or null.</summary>
    public string? BeforeTransfer { get; init; }

    /// <summary>True where it, or a table colocated with it, has no replica identity: its shards are only copied while writers wait.</summary>
    public bool LacksIdentity { get; init; }

    /// <summary>Where the cluster's own rebalancer would move shards to; null where it did not say.</summary>
    public IReadOnlyDictionary<long, (string Name, int Port)>? Moves { get; init; }
}
