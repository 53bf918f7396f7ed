using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Profiling;

/// <summary>How a file's rows would lie over shards and nodes.</summary>
/// <param name="Nodes">Empty where no cluster was asked.</param>
public sealed record CsvDistribution(
    string Column, string Type, int ShardCount, long Smallest, long Largest, double Mean, double MaxToMean, double Variation,
    double NodeMaxToMean,
    SkewVerdict Verdict, IReadOnlyList<CsvValueCount> HeaviestValues, IReadOnlyList<ShardLoad> Shards, IReadOnlyList<NodeLoad> Nodes);
