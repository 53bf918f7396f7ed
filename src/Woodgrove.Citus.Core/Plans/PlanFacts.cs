using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Plans;

/// <summary>A table that a query uses, as the catalogs have it.</summary>
/// <param name="Display">As <c>regclass</c> prints it.</param>
/// <param name="IsTarget">The query writes to it.</param>
/// <param name="SizeBytes">All shards together; null where it was not asked for, or could not be had.</param>
/// <param name="Columns">The columns' types by their names, each with its collation where that is not the type's own: Citus colocates only columns of one type and collation.</param>
internal sealed record PlanTable(
    uint Oid, string Display, TableKind Kind, string? DistributionColumn, int? ColocationId, bool IsTarget, long? SizeBytes, IReadOnlyDictionary<string, string> Columns)
{
    public bool IsDistributed => Kind is TableKind.Distributed or TableKind.Schema or TableKind.SingleShard;

    public string? DistributionType => DistributionColumn is null ? null : Columns.GetValueOrDefault(DistributionColumn);
}

/// <summary>A shard of such a table.</summary>
/// <param name="SizeBytes">Null where it was not asked for, or could not be had.</param>
internal sealed record PlanShard(long ShardId, string Name, PlanTable Table, IReadOnlyList<(string Name, int Port)> Nodes, long? SizeBytes);

/// <summary>What EXPLAIN does not tell and the catalogs do.</summary>
internal sealed record PlanFacts
{
    /// <summary>Of a server without Citus.</summary>
    public static PlanFacts None { get; } = new() { IsCitus = false };

    public bool IsCitus { get; init; } = true;

    /// <summary>The tables that the query uses, those beneath views included.</summary>
    public IReadOnlyList<PlanTable> Tables { get; init; } = [];

    /// <summary>Their shards, by id.</summary>
    public IReadOnlyDictionary<long, PlanShard> Shards { get; init; } = new Dictionary<long, PlanShard>();

    /// <summary>Shards of partitions, by id; their table is the partitioned one.</summary>
    public IReadOnlyDictionary<long, PlanShard> PartitionShards { get; init; } = new Dictionary<long, PlanShard>();

    public (string Name, int Port)? Coordinator { get; init; }

    /// <summary>Which of the functions that the coordinator's plan calls are aggregates.</summary>
    public IReadOnlySet<string> Aggregates { get; init; } = new HashSet<string>();

    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    public IEnumerable<PlanTable> Distributed => Tables.Where(t => t.IsDistributed);

    public PlanShard Shard(long id) => Shards.TryGetValue(id, out PlanShard? shard) ? shard : PartitionShards[id];

    public IEnumerable<PlanShard> ShardsOf(PlanTable table) => Shards.Values.Where(s => s.Table.Oid == table.Oid);

    /// <summary>The coordinator also calls itself localhost, where it combines results on its own.</summary>
    public bool IsCoordinator(string name, int port) =>
        Coordinator is { } c && port == c.Port && (name == c.Name || name == "localhost");

    /// <summary>The shard of that name: the number at its end must be that of a shard whose name is just this.</summary>
    public PlanShard? FindShard(string name)
    {
        int mark = name.LastIndexOf('_');
        if (mark <= 0 || !long.TryParse(name.AsSpan(mark + 1), out long id)) return null;
        return (Shards.TryGetValue(id, out PlanShard? shard) || PartitionShards.TryGetValue(id, out shard)) && shard.Name == name ? shard : null;
    }
}
