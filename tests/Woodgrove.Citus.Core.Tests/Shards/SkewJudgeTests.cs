using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Core.Tests.Shards;

/// <summary>What is concluded from the figures, without a database.</summary>
public sealed class SkewJudgeTests
{
    private static readonly (string, int)[] Nodes = [("a", 1), ("b", 1)];

    [Fact]
    public void Even_shards_are_balanced()
    {
        ShardSkew skew = Judge([100, 105, 95, 100]);

        Assert.Equal((SkewVerdict.Balanced, SkewAction.None), (skew.Verdict, skew.Recommendation));
        Assert.Equal("The largest shard has 1.05 times the mean, the fullest node 1.03 times.", skew.Reason);
    }

    [Fact]
    public void A_tenant_heavier_than_a_shard_is_to_be_isolated_with_what_that_gives()
    {
        ShardSkew skew = Judge([100, 300, 100, 100], heavy: [("7", 1, 200)]);

        Assert.Equal((SkewVerdict.Uneven, SkewAction.IsolateTenant), (skew.Verdict, skew.Recommendation));
        Assert.Equal(1, skew.PredictedMaxToMean);
        Assert.Equal(1, skew.PredictedNodeMaxToMean);
        Assert.Contains("user_id 7 alone fills more than a mean shard, with 33.3% of the rows", skew.Reason);
        Assert.Equal("Split-Tenant 't' '7'\nStart-ShardRebalance -Wait", skew.Fix);
    }

    [Fact]
    public void A_tenant_that_has_its_own_shard_is_not_isolated_again()
    {
        ShardSkew skew = Judge([100, 200, 100, 100], heavy: [("7", 1, 200)], own: 1);

        Assert.Equal(SkewAction.None, skew.Recommendation);
        Assert.Contains("is that of a single value already", skew.Reason);
    }

    [Fact]
    public void Values_with_more_than_half_of_the_rows_call_for_another_column()
    {
        ShardSkew skew = Judge([9000, 1000, 1000, 1000], heavy: [("SendFunds", 0, 8500)]);

        Assert.Equal((SkewVerdict.Skewed, SkewAction.OtherColumn), (skew.Verdict, skew.Recommendation));
        Assert.Equal("Find-DistributionColumn -Table 't'", skew.Fix);
        Assert.InRange(skew.PredictedMaxToMean!.Value, 1, 1.1);
    }

    [Fact]
    public void Shards_on_the_wrong_nodes_call_for_a_rebalance_with_what_that_gives()
    {
        ShardSkew skew = Judge([100, 100, 100, 100], nodeOf: [0, 0, 0, 1], moves: [1]);

        Assert.Equal((SkewVerdict.Uneven, SkewAction.Rebalance), (skew.Verdict, skew.Recommendation));
        Assert.Equal((1.5, 1.0), (skew.NodeMaxToMean, skew.PredictedNodeMaxToMean));
        Assert.Contains("Moving 1 of the 4 shards", skew.Reason);
    }

    [Fact]
    public void Few_values_spread_unevenly_by_chance_and_it_is_said()
    {
        ShardSkew skew = Judge([35, 20, 25, 20], each: 1);

        Assert.Equal(SkewAction.None, skew.Recommendation);
        Assert.StartsWith("This is chance: 100 values", skew.Reason);
    }

    [Fact]
    public void An_empty_table_is_balanced()
    {
        Assert.Equal((SkewVerdict.Balanced, "The table is empty."), (Judge([0, 0, 0, 0]).Verdict, Judge([0, 0, 0, 0]).Reason));
    }

    [Fact]
    public void Bytes_of_small_shards_tell_nothing()
    {
        var facts = new SkewFacts(1, "t", "user_id", [new(1, 0, 9, "a", 1, 1, 8192), new(2, 10, 19, "b", 1, 2, 65536)],
            Nodes);

        Assert.Equal(SkewVerdict.Balanced, SkewJudge.Judge(facts, SkewMeasure.Bytes).Verdict);
        Assert.Contains("too few to tell", SkewJudge.Judge(facts, SkewMeasure.Bytes).Reason);
    }

    [Fact]
    public void A_value_lighter_than_a_shard_is_isolated_where_that_makes_its_shard_even()
    {
        // 47,533 rows in one shard, 15,492 of them one user's; the mean is about 31,875.
        ShardSkew skew = Judge([47_533, 26_500, 26_600, 26_867], heavy: [("7", 0, 15_492)], each: 100);

        Assert.Equal(SkewAction.IsolateTenant, skew.Recommendation);
        Assert.Contains("user_id 7 has 15,492 of the 47,533 rows of shard 0", skew.Reason);
        Assert.DoesNotContain("VACUUM", skew.Reason);
        Assert.InRange(skew.PredictedMaxToMean!.Value, 1, 1.2);
        Assert.StartsWith("Split-Tenant 't' '7'", skew.Fix);
    }

    [Fact]
    public void What_transfers_need_first_is_said_with_the_advice()
    {
        var facts = new SkewFacts(1, "t", "user_id", [new(0, 0, 9, "a", 1, 1, 0), new(1, 10, 19, "b", 1, 2, 0)], Nodes)
        {
            Keys = new Dictionary<long, KeyFacts> { [0] = new(400, 201, 40_200, [new("7", 200, 0, 0)]), [1] = new(100, 100, 100, []) },
            BeforeTransfer = "First add citus.",
        };
        ShardSkew skew = SkewJudge.Judge(facts, SkewMeasure.Rows);

        Assert.Equal(SkewAction.IsolateTenant, skew.Recommendation);
        Assert.EndsWith("First add citus.", skew.Reason);
    }

    /// <param name="heavy">Value, shard and rows; the rest of each shard is values of so many rows each.</param>
    private static ShardSkew Judge(
        long[] rows, (string Value, int Shard, long Rows)[]? heavy = null, int each = 2, int own = -1, int[]? nodeOf = null,
        int[]? moves = null)
    {
        var shards = rows.Select((_, i) => new ShardFacts(i, i * 10, i == own ? i * 10 : i * 10 + 9, Nodes[nodeOf?[i] ?? i % 2].Item1, 1, 1,
            0)).ToList();
        var keys = rows.Select((n, i) =>
        {
            var mine = (heavy ?? []).Where(h => h.Shard == i).Select(h => new HeavyValue(h.Value, h.Rows, 0, i)).ToList();
            double others = (n - mine.Sum(h => h.Rows)) / (double)each;
            return (Id: (long)i, Facts: new KeyFacts(n, others + mine.Count, others * each * each + mine.Sum(h => (double)h.Rows * h.Rows),
                mine));
        });
        return SkewJudge.Judge(new SkewFacts(1, "t", "user_id", shards, Nodes)
        {
            Keys = keys.ToDictionary(k => k.Id, k => k.Facts),
            Moves = (moves ?? []).ToDictionary(m => (long)m, _ => ("b", 1)),
        }, SkewMeasure.Rows);
    }
}
