namespace Woodgrove.Citus.Shards;

/// <summary>How evenly an amount lies over parts.</summary>
/// <param name="MaxToMean">The largest part over the mean; 1 is even. 0 where there is nothing.</param>
/// <param name="Variation">The coefficient of variation: the standard deviation over the mean.</param>
public sealed record Spread(int Parts, long Total, long Smallest, long Largest, double Mean, double MaxToMean, double Variation)
{
    public static Spread Of(IReadOnlyCollection<long> parts)
    {
        if (parts.Count == 0) return new Spread(0, 0, 0, 0, 0, 0, 0);
        double mean = parts.Average(p => (double)p);
        double deviation = Math.Sqrt(parts.Average(p => (p - mean) * (p - mean)));
        return new Spread(parts.Count, parts.Sum(), parts.Min(), parts.Max(), mean,
            mean == 0 ? 0 : Math.Round(parts.Max() / mean, 4), mean == 0 ? 0 : Math.Round(deviation / mean, 4));
    }

    /// <summary>
    /// The max/mean to expect when values fall to shards at random, as hashes make them fall. A shard's amount has
    /// the variance p(1-p) Σw² (p the shard's part of all hashes, w a value's rows), so the coefficient of variation is
    /// sqrt((shards - 1) / values), where values is (Σw)²/Σw²: as many equal values would spread alike. The largest of
    /// n normal draws lies about Φ⁻¹((n - 0.375) / (n + 0.25)) deviations above their mean (Blom 1958).
    /// </summary>
    /// <param name="values">The effective number of distinct values.</param>
    /// <param name="heaviest">The heaviest value's share of all rows: its shard can't be smaller than it.</param>
    public static double ExpectedMaxToMean(int shards, double values, double heaviest = 0)
    {
        if (shards < 2 || values <= 0) return 1;
        double byChance = 1 + NormalQuantile((shards - 0.375) / (shards + 0.25)) * Math.Sqrt((shards - 1) / values);
        return Math.Round(Math.Min(shards, Math.Max(byChance, heaviest * shards)), 4);
    }

    /// <summary>The least max/mean over nodes to be had by placing the parts again: each, from the largest on, where there is least.</summary>
    public static double BestMaxToMean(IEnumerable<long> parts, int nodes)
    {
        var load = new long[Math.Max(1, nodes)];
        foreach (long part in parts.OrderDescending()) load[Array.IndexOf(load, load.Min())] += part;
        return Of(load).MaxToMean;
    }

    /// <summary>Φ⁻¹ for p above one half (Abramowitz and Stegun 26.2.23; within 0.00045).</summary>
    private static double NormalQuantile(double p)
    {
        double t = Math.Sqrt(-2 * Math.Log(1 - p));
        return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    }
}
