namespace Woodgrove.Citus.Shards;

/// <summary>A shard as it was found on the first of its nodes.</summary>
internal sealed record ShardFacts(long ShardId, int HashMin, int HashMax, string NodeName, int NodePort, int Group, long Bytes)
{
    /// <summary>The other nodes that keep a copy of it.</summary>
    public List<(string Name, int Port)> Copies { get; init; } = [];
}

/// <summary>What is known of the distribution values of a shard, or by <see cref="Of"/> of a table.</summary>
/// <param name="Squares">The sum over all values of the square of their rows.</param>
internal sealed record KeyFacts(double Rows, double Distinct, double Squares, IReadOnlyList<HeavyValue> Heaviest)
{
    private const int Shown = 5;

    /// <summary>As many equal values would spread alike.</summary>
    public double EffectiveValues => Squares <= 0 ? 0 : Rows * Rows / Squares;

    /// <summary>A value's rows all lie in one shard, so that the heaviest of the table are among those of its shards.</summary>
    public static KeyFacts? Of(IReadOnlyCollection<KeyFacts> shards)
    {
        double rows = shards.Sum(s => s.Rows);
        if (rows <= 0) return null;
        return new KeyFacts(rows, shards.Sum(s => s.Distinct), shards.Sum(s => s.Squares),
            [.. shards.SelectMany(s => s.Heaviest).Where(v => v.Rows > 1).OrderByDescending(v => v.Rows).Take(Shown).Select(v => v with { Share = Math.Round(v.Rows / rows, 6) })]);
    }
}

/// <summary>A table as it was found.</summary>
/// <param name="Nodes">The nodes that may hold shards.</param>
internal sealed record SkewFacts(
    uint Oid, string Table, string Column, string ColumnType, bool HasColocated,
    IReadOnlyList<ShardFacts> Shards, IReadOnlyList<(string Name, int Port)> Nodes)
{
    public IReadOnlyDictionary<long, KeyFacts> Keys { get; init; } = new Dictionary<long, KeyFacts>();

    /// <summary>What must be done before a shard can be split or moved online, or null.</summary>
    public string? BeforeTransfer { get; init; }

    /// <summary>Where the cluster's own rebalancer would move shards to; null where it did not say.</summary>
    public IReadOnlyDictionary<long, (string Name, int Port)>? Moves { get; init; }
}
