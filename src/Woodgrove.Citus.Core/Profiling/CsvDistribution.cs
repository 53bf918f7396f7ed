using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>How a file's rows would lie over shards and nodes.</summary>
/// <param name="Nodes">Empty where no cluster was asked.</param>
public sealed record CsvDistribution(
    string Column, string Type, int ShardCount, long Smallest, long Largest, double Mean, double MaxToMean, double Variation,
    double NodeMaxToMean,
    SkewVerdict Verdict, Listing<CsvValueCount> HeaviestValues, Listing<ShardLoad> Shards, Listing<NodeLoad> Nodes);
