namespace Woodgrove.Citus.Operations.Shards;

/// <summary>A shard of a group of colocated shards.</summary>
/// <param name="HasIdentity">Whether its table's UPDATE and DELETE can be replicated logically.</param>
/// <param name="Owner">The role that owns its table.</param>
/// <param name="IsOwned">Whether the session's role has the rights of the owner.</param>
internal sealed record GroupShard(long ShardId, uint TableOid, string Table, bool HasIdentity, string Owner, bool IsOwned);
