namespace Woodgrove.Citus.Shards;

/// <summary>A node's part of a table.</summary>
/// <param name="Amount">Bytes or rows, as was measured.</param>
/// <param name="ToMean">The amount over that of the mean node.</param>
public sealed record NodeLoad(string NodeName, int NodePort, int ShardCount, long Amount, double Share, double ToMean);
