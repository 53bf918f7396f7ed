using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class TableSkew() : CitusCheck(CheckCategory.Shards,
    "In no distributed table is the largest shard many times the average.",
    "A query over all shards takes as long as the largest one, and no rebalance can split a single hot value.")
{
    /// <summary>Below this a shard's size says little: a few pages of a B-tree weigh more than its rows.</summary>
    private const long SizeThatMatters = 10L << 20;

    public override Threshold Threshold => new(3, "times that the largest shard may be the average one, where it has 10 MiB or more");

    public override IReadOnlyList<Question> Questions => [ShardsOnNode.Question];

    public override Verdict Decide(Facts facts)
    {
        Skew[] all = [.. facts.Of(ShardsOnNode.Question).Where(s => s is { Method: "h", Kind: "r" }).GroupBy(s => s.Table)
            .Select(t => (Name: t.Key, Largest: t.MaxBy(s => s.SizeBytes)!, Spread: Spread.Of([.. t.DistinctBy(s => s.ShardId)
                .Select(s => s.SizeBytes)])))
            .Where(t => t.Spread.Total > 0)
            .Select(t => new Skew(t.Name, t.Largest.ShardId, t.Largest.Node, t.Spread.Largest, (long)t.Spread.Mean,
                Math.Round(t.Spread.MaxToMean, 2)))
            .OrderByDescending(s => s.Factor)];
        return Verdict.Unless([.. all.Where(s => s.Factor > facts.Limit && s.LargestBytes >= SizeThatMatters)], CheckStatus.Warning,
            $"largest shard at most {facts.Limit:0.##} times the average",
            all.Length == 0 ? "no distributed table has rows"
                : $"{all.Length} table(s), at most "
                    + $"{all.Where(s => s.LargestBytes >= SizeThatMatters).Select(s => s.Factor).DefaultIfEmpty(1).Max():0.##} times "
                    + "where 10 MiB or more",
            skewed => Verdict.List(skewed.Select(s => $"{s.Table}: shard {s.LargestShardId} is {s.Factor:0.##} times the average")),
            skewed => Verdict.Lines(skewed, s => $"Measure-ShardSkew {CmdletLine.Argument(s.Table)} # says which value to isolate, "
                + "or that another column is needed"));
    }

    /// <param name="Factor">The largest shard over the average one.</param>
    public sealed record Skew(string Table, long LargestShardId, string Node, long LargestBytes, long AverageBytes, double Factor);
}
