using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Operations.Shards;

/// <summary>Errors of splitting shards.</summary>
internal static class SplitErrors
{
    public static CitusException NotHashed(ShardGroup group) =>
        Refused(group, $"{group.Table} is not distributed by a column, so its shard {group.ShardId} has no hashes to split.",
            "New-DistributedTable distributes a table by a column; Move-ShardPlacement moves the shard as a whole.");

    public static CitusException SeveralPlacements(ShardGroup group) =>
        Refused(group, $"Shard {group.ShardId} has placements on {group.NodeIds.Count} nodes; Citus splits only shards that have one.", null);

    public static CitusException OneHash(ShardGroup group) =>
        Refused(group, $"Shard {group.ShardId} holds a single hash, {group.Hashes!.Value.Min}, so it can't be split.",
            "Move-ShardPlacement moves it to a less busy node.");

    public static CitusException OneValue(ShardGroup group, long rows) =>
        Refused(group, $"All {rows:N0} rows of shard {group.ShardId} have the same hash, so no split divides them.",
            "Move-ShardPlacement moves the shard to a less busy node.");

    public static CitusException TooManyParts(ShardGroup group, int parts) =>
        Refused(group, $"Shard {group.ShardId} holds fewer than {parts} hashes.", "Give a smaller number with -Into.");

    public static CitusException OutsideRange(ShardGroup group, int point) =>
        Refused(group, $"{point} does not split shard {group.ShardId}, which holds the hashes {group.Hashes!.Value.Min} to "
            + $"{group.Hashes!.Value.Max}: a split point is the highest hash of a part, and another part follows it.",
            $"Give points from {group.Hashes!.Value.Min} to {group.Hashes!.Value.Max - 1}, or leave -SplitPoint out.");

    public static CitusException Twice(ShardGroup group, IEnumerable<int> points) =>
        Refused(group, $"A split point is given twice: {string.Join(", ", points)}.", "Give each once.");

    public static CitusException NotMeasured(ShardGroup group, NodeName node, string why) =>
        Refused(group, $"The rows of shard {group.ShardId} could not be counted on {node}: {why.Trim()}",
            "It takes SELECT on the table. With -SplitPoint no rows are counted.");

    private static CitusException Refused(ShardGroup group, string what, string? advice) =>
        new("CitusSplitRefused", CitusErrorKind.InvalidOperation, what, advice) { Target = group.ShardId };
}
