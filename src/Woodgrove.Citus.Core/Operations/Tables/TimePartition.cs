using System.Globalization;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>A partition of a table that is partitioned by time, or a range of time that has none.</summary>
/// <param name="Partition">Its name; null of a missing range.</param>
/// <param name="From">The first moment in it, in UTC where the column has a time zone; null of the default partition.</param>
/// <param name="To">The first moment after it.</param>
/// <param name="SizeBytes">Of all its shards, with indexes; null where it could not be read.</param>
public sealed record TimePartition(
    string Table, string? Partition, TimePartitionState State, DateTime? From, DateTime? To, string? AccessMethod, long? SizeBytes)
{
    /// <summary>The partitions in order, with the ranges between them, and from the last to now, that have none.</summary>
    public static IEnumerable<TimePartition> WithMissing(IEnumerable<TimePartition> partitions, DateTime now)
    {
        ArgumentNullException.ThrowIfNull(partitions);
        DateTime? end = null;
        TimePartition? last = null;
        foreach (TimePartition partition in partitions.Where(p => p.State == TimePartitionState.Present).OrderBy(p => p.From))
        {
            if (end < partition.From) yield return Missing(partition.Table, end.Value, partition.From.Value);
            yield return last = partition;
            end = partition.To;
        }
        if (last is not null && end < now) yield return Missing(last.Table, end.Value, now);
        foreach (TimePartition other in partitions.Where(p => p.State == TimePartitionState.Default)) yield return other;
    }

    private static TimePartition Missing(string table, DateTime from, DateTime to) =>
        new(table, null, TimePartitionState.Missing, from, to, null, null);

    /// <summary>A moment as a literal of timestamptz: without a zone where none is said, which is then the session's.</summary>
    internal static string Literal(DateTime moment) =>
        $"'{moment.ToString(moment.Kind == DateTimeKind.Unspecified ? "yyyy-MM-dd HH:mm:ss.FFFFFF" : "yyyy-MM-dd HH:mm:ss.FFFFFFzzz",
            CultureInfo.InvariantCulture)}'";
}
