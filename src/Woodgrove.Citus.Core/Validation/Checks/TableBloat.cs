namespace Woodgrove.Citus.Validation.Checks;

internal sealed class TableBloat() : CitusCheck(CheckCategory.Shards,
    "Few of a table's rows are dead ones.",
    "Scans read dead rows too, and a move copies by way of the same pages. Many of them mean that autovacuum does not keep up, "
        + "or that an old transaction holds it back.")
{
    /// <summary>What autovacuum rightly lets lie in small tables is no bloat.</summary>
    private const long RowsThatMatter = 10_000;

    public override Threshold Threshold => new(0.2, "share of a table's rows that may be dead, where 10,000 or more are");

    public override IReadOnlyList<Question> Questions => [ShardsOnNode.Question];

    public override Verdict Decide(Facts facts)
    {
        Bloat[] all = [.. facts.Of(ShardsOnNode.Question).GroupBy(s => s.Table)
            .Select(t => (Name: t.Key, Live: t.Sum(s => s.LiveRows), Dead: t.Sum(s => s.DeadRows), Size: t.Sum(s => s.SizeBytes)))
            .Where(t => t.Dead >= RowsThatMatter)
            .Select(t => new Bloat(t.Name, t.Live, t.Dead, Math.Round((double)t.Dead / (t.Live + t.Dead), 3), t.Size))
            .OrderByDescending(b => b.DeadShare)];
        return Verdict.Unless([.. all.Where(b => b.DeadShare > facts.Limit)], CheckStatus.Warning, $"at most {facts.Limit:P0} dead",
            "no table has many dead rows",
            bloated => Verdict.List(bloated.Select(b => $"{b.Table}: {b.DeadShare:P0} dead, {b.DeadRows} rows")),
            bloated => Verdict.Lines(bloated,
                b => $"VACUUM (ANALYZE) {b.Table}; -- and Test-CitusCluster -Check LongTransactions, PreparedTransactions"));
    }

    public sealed record Bloat(string Table, long LiveRows, long DeadRows, double DeadShare, long SizeBytes);
}
