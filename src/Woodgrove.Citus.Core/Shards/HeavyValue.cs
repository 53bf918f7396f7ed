namespace Woodgrove.Citus.Shards;

/// <summary>A value of the distribution column with many rows.</summary>
/// <param name="Rows">Counted, or estimated from the statistics.</param>
/// <param name="Share">Its part of the table's rows, 0 to 1.</param>
public sealed record HeavyValue(string Value, long Rows, double Share, long ShardId);
