namespace Woodgrove.Citus.Validation.Checks;

internal sealed class PreparedTransactionLimit() : CitusCheck(CheckCategory.Capacity,
    "max_prepared_transactions is at least max_connections on every node.",
    "A write to several nodes prepares a transaction on each connection that it uses; when the slots are used up, it fails.")
{
    private static readonly Question<Slots> All = new(Ask.EveryNode, """
        SELECT pg_catalog.current_setting('max_prepared_transactions')::int AS max_prepared_transactions,
            pg_catalog.current_setting('max_connections')::int AS max_connections
        """);

    public override IReadOnlyList<Question> Questions => [All];

    public override Verdict Decide(Facts facts)
    {
        Slots[] few = [.. facts.Of(All).Where(s => s.MaxPreparedTransactions < s.MaxConnections)];
        return Verdict.Unless(few, few.Any(s => s.MaxPreparedTransactions == 0) ? CheckStatus.Failed : CheckStatus.Warning,
            "max_connections or more",
            $"{Verdict.List(facts.Of(All).Select(s => $"{s.MaxPreparedTransactions}"))} on all nodes",
            f => Verdict.List(f.Select(s => $"{s.MaxPreparedTransactions} on {s.Node}, for {s.MaxConnections} connections")),
            f => Verdict.Lines(f, s =>
                $"ALTER SYSTEM SET max_prepared_transactions = {s.MaxConnections}; -- on {s.Node}, then restart it"));
    }

    public sealed record Slots(string Node, int MaxPreparedTransactions, int MaxConnections);
}
