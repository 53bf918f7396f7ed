namespace Woodgrove.Citus.Shards;

/// <summary>A shard's part of its table.</summary>
/// <param name="Amount">Bytes or rows, as was measured.</param>
/// <param name="ToMean">The amount over that of the mean shard.</param>
public sealed record ShardLoad(long ShardId, int HashMin, int HashMax, string NodeName, int NodePort, long Amount, double Share,
    double ToMean);
