using Woodgrove.Citus.Schema;

namespace Woodgrove.Citus.Core.Tests.Schema;

public sealed class ShardLayoutTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(32)]
    [InlineData(7)]
    public void Even_shards_need_no_split(int shards)
    {
        ShardLayout layout = ShardLayout.Even(shards);

        Assert.True(layout.IsEven);
        Assert.Equal(shards, layout.Base());
        Assert.Empty(layout.Splits());
    }

    [Fact]
    public void A_split_shard_is_split_again_at_its_last_hash()
    {
        ShardLayout even = ShardLayout.Even(4);
        var layout = new ShardLayout([.. even.Starts.Append(100).Append(-5).Order()]);

        Assert.False(layout.IsEven);
        Assert.Equal(4, layout.Base());
        Assert.Equal([(-1073741824, -1, "-6"), (0, 1073741823, "99")],
            layout.Splits().Select(s => (s.First, s.Last, string.Join(",", s.Points))));
    }

    [Fact]
    public void Ranges_that_come_of_no_number_of_equal_shards_are_splits_of_one() =>
        Assert.Equal([(int.MinValue, int.MaxValue, "6,7")], new ShardLayout([int.MinValue, 7, 8]).Splits()
            .Select(s => (s.First, s.Last, string.Join(",", s.Points))));

    [Fact]
    public void Ranges_with_a_gap_or_an_overlap_are_no_layout()
    {
        Assert.Null(ShardLayout.Of([(int.MinValue, 0), (2, int.MaxValue)]));
        Assert.Null(ShardLayout.Of([(int.MinValue, 2), (2, int.MaxValue)]));
        Assert.Null(ShardLayout.Of([]));
        Assert.Equal([int.MinValue, 3], ShardLayout.Of([(3, int.MaxValue), (int.MinValue, 2)])!.Starts);
    }
}
