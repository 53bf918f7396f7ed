namespace Woodgrove.Citus.Catalog;

/// <summary>A shard's hash range and where it lies.</summary>
internal sealed record ShardRange(long ShardId, string ShardName, int HashMin, int HashMax, string NodeName, int NodePort);
