using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Catalog;

/// <summary>A colocation group: tables whose rows of equal distribution values lie on the same node.</summary>
/// <param name="Type">Distributed, Reference, Schema or SingleShard.</param>
/// <param name="DistributionColumnType">Null where rows are not hashed.</param>
/// <param name="SizeBytes">All shards of all its tables on all nodes, indexes and TOAST included; null where it was not read.</param>
public sealed record ColocationGroup(
    int ColocationId, TableKind Type, string? DistributionColumnType, int ShardCount, int ReplicationFactor, long? SizeBytes,
    Listing<string> Tables);
