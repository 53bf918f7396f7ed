namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>Where a shard is to be once a clone has become a node.</summary>
/// <param name="SizeBytes">Its size now; null where it could not be read.</param>
/// <param name="Node">The node that keeps it, with its port: the clone, or the node that it is a replica of.</param>
public sealed record CloneShard(string Table, long ShardId, long? SizeBytes, string Node);
