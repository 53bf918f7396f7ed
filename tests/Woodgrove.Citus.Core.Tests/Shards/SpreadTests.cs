using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Shards;

public sealed class SpreadTests
{
    [Fact]
    public void It_holds_the_figures_of_the_parts()
    {
        var spread = Spread.Of([2, 4, 4, 4, 5, 5, 7, 9]);

        Assert.Equal((8, 40L, 2L, 9L), (spread.Parts, spread.Total, spread.Smallest, spread.Largest));
        Assert.Equal((5.0, 1.8, 0.4), (spread.Mean, spread.MaxToMean, spread.Variation));
        Assert.Equal((0, 0L, 0.0), (Spread.Of([]).Parts, Spread.Of([]).Total, Spread.Of([]).MaxToMean));
        Assert.Equal(0, Spread.Of([0, 0]).MaxToMean);
    }

    /// <summary>The formula against hashing itself: the mean over many draws of the largest of the shards.</summary>
    [Theory]
    [InlineData(32, 1_000)]
    [InlineData(32, 100_000)]
    [InlineData(8, 500)]
    [InlineData(64, 5_000)]
    public void What_chance_gives_is_what_hashing_gives(int shards, int values)
    {
        const int Draws = 200;
        double sum = 0;
        for (int draw = 0; draw < Draws; draw++)
        {
            var load = new long[shards];
            for (int i = 0; i < values; i++)
                load[(uint)PostgresHash.Int64((long)draw * values * 7919 + i) / (uint.MaxValue / shards + 1)]++;
            sum += Spread.Of(load).MaxToMean;
        }

        double expected = Spread.ExpectedMaxToMean(shards, values);

        Assert.InRange(sum / Draws - 1, (expected - 1) * 0.85, (expected - 1) * 1.15);
    }

    [Fact]
    public void A_heavy_value_is_the_least_that_its_shard_can_have()
    {
        Assert.Equal(16, Spread.ExpectedMaxToMean(32, 4, heaviest: 0.5));
        Assert.Equal(1, Spread.ExpectedMaxToMean(1, 10));
    }

    [Fact]
    public void The_best_placement_fills_the_emptiest_node_first()
    {
        Assert.Equal(1, Spread.BestMaxToMean([5, 5, 10], 2));
        Assert.Equal(1.5, Spread.BestMaxToMean([9, 1, 1, 1], 2));
    }
}
