namespace Woodgrove.Citus.Benchmarks;

/// <summary>Repeated measurements of one thing, in the order in which they were taken.</summary>
internal sealed class Samples(string name)
{
    private readonly List<double> _values = [];

    public string Name => name;
    public int Count => _values.Count;
    public double Median => MedianOf(_values);
    public double Min => _values.Min();
    public double Max => _values.Max();

    public void Add(double value) => _values.Add(value);

    /// <summary>The ratios to another's measurements of the same rounds: what slows the machine slows both.</summary>
    public Samples RatioTo(Samples other)
    {
        var ratios = new Samples($"{name} / {other.Name}");
        foreach ((double mine, double theirs) in _values.Zip(other._values)) ratios.Add(mine / theirs);
        return ratios;
    }

    private static double MedianOf(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
