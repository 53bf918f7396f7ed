namespace Woodgrove.Citus.Validation.Checks;

internal sealed class UnusedTables() : CitusCheck(CheckCategory.Tables,
    "Every distributed table is read now and then.",
    "A table that is not read costs space, moves and vacuuming on every node.")
{
    // Counters never reset are at least as old as the server's start.
    private static readonly Question<Age> Ages = new(Ask.EveryNode, """
        SELECT (extract(epoch FROM pg_catalog.now() - coalesce(stats_reset, pg_catalog.pg_postmaster_start_time())) / 86400)::float8 AS days
        FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()
        """);

    public override Threshold Threshold => new(7, "days that a table may go unread");

    public override IReadOnlyList<Question> Questions => [Ages, ShardsOnNode.Question];

    public override Verdict Decide(Facts facts)
    {
        string expected = $"read within {facts.Limit:0.#} day(s)";
        double days = facts.Of(Ages).Select(a => a.Days).DefaultIfEmpty().Min();
        if (days < facts.Limit) return Verdict.Passed(expected, $"counters go back {days:0.##} day(s) only: too early to tell");
        ILookup<string, ShardsOnNode> tables = facts.Of(ShardsOnNode.Question).Where(s => s is { Exists: true, Kind: "r" })
            .ToLookup(s => s.Table);
        return Verdict.Unless([.. tables.Where(t => t.Sum(s => s.RowsRead) == 0)
            .Select(t => new Unused(t.Key, t.Sum(s => s.RowsWritten), t.Sum(s => s.SizeBytes)))], CheckStatus.Warning,
            expected, $"{tables.Count} table(s), all read",
            unused => $"not read in {days:0.#} day(s): {Verdict.List(unused.Select(u => u.Table))}",
            unused => Verdict.Lines(unused, u => $"DROP TABLE {u.Table}; -- if its owner agrees; "
                + $"{u.RowsWritten} rows were written to it meanwhile"));
    }

    public sealed record Age(string Node, double Days);

    public sealed record Unused(string Table, long RowsWritten, long SizeBytes);
}
