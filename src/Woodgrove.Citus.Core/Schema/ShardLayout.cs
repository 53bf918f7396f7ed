namespace Woodgrove.Citus.Schema;

/// <summary>
/// How hash ranges come about: Citus divides the 2^32 hashes evenly (the last shard takes the rest), and splits give a shard's
/// range to several.
/// </summary>
/// <param name="Starts">The first hash of each shard, in order.</param>
internal sealed record ShardLayout(IReadOnlyList<int> Starts)
{
    private const long Hashes = 1L << 32;

    /// <summary>The layout of ranges, or null where they leave hashes out or overlap.</summary>
    public static ShardLayout? Of(IReadOnlyList<(int First, int Last)> ranges)
    {
        (int First, int Last)[] sorted = [.. ranges.OrderBy(r => r.First)];
        bool whole = sorted is [{ First: int.MinValue }, ..] && sorted[^1].Last == int.MaxValue
            && Enumerable.Range(1, sorted.Length - 1).All(i => sorted[i].First == (long)sorted[i - 1].Last + 1);
        return whole ? new([.. sorted.Select(r => r.First)]) : null;
    }

    public static ShardLayout Even(int shards) =>
        new([.. Enumerable.Range(0, shards).Select(i => (int)(int.MinValue + i * (Hashes / shards)))]);

    public bool IsEven => Starts.SequenceEqual(Even(Starts.Count).Starts);

    /// <summary>The largest number of equal shards that splits alone make these of.</summary>
    public int Base()
    {
        var mine = Starts.ToHashSet();
        int shards = Starts.Count;
        while (!Even(shards).Starts.All(mine.Contains)) shards--;
        return shards;
    }

    /// <summary>The shards of the even layout to split, each with the last hashes of all its parts but the last.</summary>
    public IEnumerable<(int First, int Last, int[] Points)> Splits()
    {
        IReadOnlyList<int> even = Even(Base()).Starts;
        for (int i = 0; i < even.Count; i++)
        {
            (int first, int last) = (even[i], i + 1 < even.Count ? even[i + 1] - 1 : int.MaxValue);
            int[] points = [.. Starts.Where(s => s > first && s <= last).Select(s => s - 1)];
            if (points.Length > 0) yield return (first, last, points);
        }
    }
}
