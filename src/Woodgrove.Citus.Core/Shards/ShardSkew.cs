using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Shards;

/// <summary>How evenly a distributed table lies over its shards and nodes, why, and what would help.</summary>
public sealed record ShardSkew
{
    public required string Table { get; init; }
    public required string DistributionColumn { get; init; }
    public required SkewMeasure By { get; init; }
    public required int ShardCount { get; init; }

    /// <summary>Bytes or rows of the whole table.</summary>
    public required long Total { get; init; }

    /// <summary>The smallest shard.</summary>
    public required long Smallest { get; init; }

    /// <summary>The largest shard.</summary>
    public required long Largest { get; init; }
    public required double Mean { get; init; }

    /// <summary>The largest shard over the mean one; 1 is even.</summary>
    public required double MaxToMean { get; init; }

    /// <summary>The coefficient of variation over shards.</summary>
    public required double Variation { get; init; }

    /// <summary>The max/mean that hashing gives on average with values as heavy as these, or null where they are not known.</summary>
    public required double? ExpectedMaxToMean { get; init; }

    /// <summary>Distinct distribution values, or null where no statistics tell.</summary>
    public required long? DistinctValues { get; init; }

    /// <summary>The heaviest distribution values, the heaviest first.</summary>
    public required Listing<HeavyValue> HeaviestValues { get; init; }

    /// <summary>The fullest node over the mean one.</summary>
    public required double NodeMaxToMean { get; init; }

    /// <summary>The coefficient of variation over nodes.</summary>
    public required double NodeVariation { get; init; }
    public required Listing<NodeLoad> Nodes { get; init; }
    public required Listing<ShardLoad> Shards { get; init; }
    public required SkewVerdict Verdict { get; init; }
    public required SkewAction Recommendation { get; init; }

    /// <summary>Why this verdict and this recommendation, in numbers.</summary>
    public required string Reason { get; init; }

    /// <summary>What to run, or null.</summary>
    public string? Fix { get; init; }

    /// <summary>The shards' max/mean after the recommendation; null where it changes nothing about shards.</summary>
    public double? PredictedMaxToMean { get; init; }

    /// <summary>The nodes' max/mean after the recommendation and, where it makes new shards, a rebalance.</summary>
    public double? PredictedNodeMaxToMean { get; init; }
}
