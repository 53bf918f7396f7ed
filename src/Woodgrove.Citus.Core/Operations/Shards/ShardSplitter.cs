using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations.Shards;

/// <summary>Plans the split of a shard, with those that are colocated with it, into parts of its range of hashes.</summary>
public static class ShardSplitter
{
    /// <param name="explain">Receives what was measured.</param>
    /// <param name="warn">Receives sizes that could not be read.</param>
    /// <exception cref="Errors.CitusException">The split would be refused.</exception>
    public static async Task<ClusterChange> PlanAsync(CitusConnection connection, ShardSplit split, Action<string> explain,
        Action<string> warn, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        if (!connection.IsCitus) throw ChangeErrors.NotSupported(connection, "Splitting a shard");
        List<ClusterNode> nodes = await ClusterNode.ListAsync(session, stop);
        ClusterNode[] targets = [.. split.ToNodes.Select(n => ClusterNode.FindTarget(nodes, n))];
        ShardGroup group = await ShardGroup.ReadAsync(connection, session, split.ShardId, warn, stop);
        (int min, int max) = Require(group);
        ClusterNode source = nodes.First(n => n.NodeId == group.NodeIds[0]);
        int[] points = [.. split.Points.Count > 0 ? split.Points.Order().ToArray()
            : await SplitPoints.MeasureAsync(session, group, source.Name, split.Into, explain, stop)];
        foreach (int outside in points.Where(p => p < min || p >= max)) throw SplitErrors.OutsideRange(group, outside);
        if (points.Distinct().Count() < points.Length) throw SplitErrors.Twice(group, points);
        await group.RequireTransferableAsync(session, split.Mode, stop);
        int[] takers = [.. Enumerable.Range(0, points.Length + 1)
            .Select(i => i == 0 || targets.Length == 0 ? source.NodeId : targets[(i - 1) % targets.Length].NodeId)];
        ReferenceCopies copies = await ReferenceCopies.ReadAsync(session, split.Mode, takers, stop);
        return new ClusterChange
        {
            Action = $"Split shard {group.ShardId} of {group.Table} into {points.Length + 1} parts: "
                + string.Join(", ", points.Append(max).Zip(points.Select(p => p + 1).Prepend(min), (to, from) => $"{from} to {to}")),
            Target = $"shard {group.ShardId}",
            Sql = [.. copies.Sql, $"SELECT pg_catalog.citus_split_shard_by_split_points({group.ShardId}, "
                + $"ARRAY[{string.Join(", ", points.Select(p => string.Create(CultureInfo.InvariantCulture, $"'{p}'")))}], "
                + $"ARRAY[{string.Join(", ", takers)}], {ShardGroup.Mode(split.Mode)})"],
            Shards = group.Shards, Tables = group.Tables, SizeBytes = group.SizeBytes,
            Locks = [.. copies.Locks, .. group.Locks(split.Mode)],
        };
    }

    /// <summary>The hashes of a shard that can be split.</summary>
    internal static (int Min, int Max) Require(ShardGroup group) =>
        group.Hashes is not { } hashes ? throw SplitErrors.NotHashed(group)
        : group.NodeIds.Count > 1 ? throw SplitErrors.SeveralPlacements(group)
        : hashes.Min == hashes.Max ? throw SplitErrors.OneHash(group)
        : hashes;
}
