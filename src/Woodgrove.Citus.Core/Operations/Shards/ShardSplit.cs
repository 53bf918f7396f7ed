namespace Woodgrove.Citus.Operations.Shards;

/// <summary>How a shard is to be split.</summary>
/// <param name="Points">The highest hash of each part but the last; none where rows are to be measured.</param>
/// <param name="Into">How many parts it is split into where there are no points.</param>
/// <param name="ToNodes">The nodes that take the parts after the first, in turn; none leaves them where the shard is.</param>
/// <param name="Mode">Citus's own word: auto, force_logical or block_writes.</param>
public sealed record ShardSplit(long ShardId, IReadOnlyList<int> Points, int Into, IReadOnlyList<string> ToNodes, string Mode);
