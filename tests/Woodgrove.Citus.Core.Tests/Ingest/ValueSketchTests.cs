using System.Globalization;
using System.Text;
using Woodgrove.Citus.Profiling;

namespace Woodgrove.Citus.Core.Tests.Ingest;

public sealed class ValueSketchTests
{
    [Theory]
    [InlineData(100, 0)]
    [InlineData(20_000, 0)]
    [InlineData(50_000, 0.05)]
    [InlineData(500_000, 0.05)]
    public void Distinct_values_are_exact_for_few_and_close_for_many(int values, double tolerance)
    {
        var sketch = new ValueSketch();
        for (int i = 0; i < values * 2; i++) sketch.Add(Encoding.UTF8.GetBytes((i % values).ToString(CultureInfo.InvariantCulture)));

        Assert.InRange(sketch.Distinct, values * (1 - tolerance), values * (1 + tolerance));
    }

    [Fact]
    public void Heavy_values_are_found_among_many_and_never_counted_too_high()
    {
        var sketch = new ValueSketch();
        const int Rows = 300_000;
        for (int i = 0; i < Rows; i++)
            sketch.Add(Encoding.UTF8.GetBytes(i % 10 == 0 ? "heavy" : i % 25 == 1 ? "less" : i.ToString(CultureInfo.InvariantCulture)));

        IReadOnlyList<CsvValueCount> heaviest = sketch.Heaviest(2);

        Assert.Equal(["heavy", "less"], heaviest.Select(h => h.Value));
        Assert.InRange(heaviest[0].Rows, Rows / 10 - Rows / 2001 - 1, Rows / 10);
    }

    [Fact]
    public void Few_values_are_counted_exactly()
    {
        var sketch = new ValueSketch();
        for (int i = 0; i < 1000; i++) sketch.Add(i < 700 ? "a"u8 : i < 900 ? "b"u8 : "c"u8);

        Assert.Equal([("a", 700L, 0.7), ("b", 200L, 0.2), ("c", 100L, 0.1)], sketch.Heaviest(5).Select(h => (h.Value, h.Rows, h.Share)));
    }
}
