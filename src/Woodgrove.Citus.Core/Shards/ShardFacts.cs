namespace Woodgrove.Citus.Shards;

/// <summary>A shard as it was found on the first of its nodes.</summary>
internal sealed record ShardFacts(long ShardId, int HashMin, int HashMax, string NodeName, int NodePort, int Group, long Bytes)
{
    /// <summary>The other nodes that keep a copy of it.</summary>
    public List<(string Name, int Port)> Copies { get; init; } = [];
}
