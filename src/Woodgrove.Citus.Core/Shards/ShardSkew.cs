using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>What is measured.</summary>
public enum SkewMeasure
{
    /// <summary>Bytes on disk, indexes and TOAST included; heavy values by the statistics that ANALYZE left. Reads no row.</summary>
    Bytes,

    /// <summary>Rows, counted, with the rows of every distribution value: each shard is read once, on its node.</summary>
    Rows,
}

/// <summary>How evenly a table lies. Shards: up to 1.3 times the mean, up to 2, above. Nodes: up to 1.15, up to 1.5, above.</summary>
public enum SkewVerdict
{
    Balanced,
    Uneven,
    Skewed,
}

/// <summary>What would help.</summary>
public enum SkewAction
{
    /// <summary>Nothing needs doing, or nothing would help.</summary>
    None,

    /// <summary>Shards on other nodes.</summary>
    Rebalance,

    /// <summary>A shard of its own for each of the heaviest values.</summary>
    IsolateTenant,

    /// <summary>Distributing the table by another column.</summary>
    OtherColumn,
}

/// <summary>A shard's part of its table.</summary>
/// <param name="Amount">Bytes or rows, as was measured.</param>
/// <param name="ToMean">The amount over that of the mean shard.</param>
public sealed record ShardLoad(long ShardId, int HashMin, int HashMax, string NodeName, int NodePort, long Amount, double Share, double ToMean);

/// <summary>A node's part of a table.</summary>
/// <param name="Amount">Bytes or rows, as was measured.</param>
/// <param name="ToMean">The amount over that of the mean node.</param>
public sealed record NodeLoad(string NodeName, int NodePort, int ShardCount, long Amount, double Share, double ToMean);

/// <summary>A value of the distribution column with many rows.</summary>
/// <param name="Rows">Counted, or estimated from the statistics.</param>
/// <param name="Share">Its part of the table's rows, 0 to 1.</param>
public sealed record HeavyValue(string Value, long Rows, double Share, long ShardId);

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
