namespace Woodgrove.Citus.Shards;

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
            [.. shards.SelectMany(s => s.Heaviest).Where(v => v.Rows > 1).OrderByDescending(v => v.Rows).Take(Shown)
                .Select(v => v with { Share = Math.Round(v.Rows / rows, 6) })]);
    }
}
