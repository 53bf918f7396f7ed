using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ShardStatistics() : CitusCheck(CheckCategory.Shards,
    "The shards have planner statistics.",
    "Without them each worker plans by guesses: nested loops over millions of rows. Large loads outrun autovacuum, "
        + "and it does not analyze partitioned tables.")
{
    public override Threshold Threshold => new(1 << 20, "bytes from which on a shard must have been analyzed");

    public override IReadOnlyList<Question> Questions => [ShardsOnNode.Question];

    public override Verdict Decide(Facts facts)
    {
        Unknown[] unknown = [.. facts.Of(ShardsOnNode.Question)
            .Where(s => s is { Exists: true, Kind: "r", EstimatedRows: < 0 } && s.SizeBytes >= facts.Limit)
            .GroupBy(s => s.Table).Select(t => new Unknown(t.Key, t.Count(), t.Sum(s => s.SizeBytes)))];
        return Verdict.Unless(unknown, CheckStatus.Warning, $"statistics of every shard of {facts.Limit:0} bytes or more",
            "all shards of that size have been analyzed",
            u => Verdict.List(u.Select(t => $"{t.Shards} shard(s) of {t.Table} never analyzed")),
            u => Verdict.Lines(u, t => $"Update-CitusStatistic {CmdletLine.Argument(t.Table)}"));
    }

    public sealed record Unknown(string Table, int Shards, long SizeBytes);
}
