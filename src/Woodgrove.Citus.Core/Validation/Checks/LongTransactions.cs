namespace Woodgrove.Citus.Validation.Checks;

internal sealed class LongTransactions() : CitusCheck(CheckCategory.Transactions,
    "No statement's transaction has run for very long.",
    "As long as it runs, vacuum removes nothing that died since it began, on no node that it touched, "
        + "and DDL and moves wait for its locks.")
{
    public override Threshold Threshold => new(3600, "seconds since the transaction began");

    public override string Role => "pg_read_all_stats";

    public override IReadOnlyList<Question> Questions => [ClientSession.Question];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless([.. facts.Of(ClientSession.Question).Where(s => !s.IsIdle && s.TransactionSeconds > facts.Limit)],
            CheckStatus.Warning,
        $"none longer than {facts.Limit:0.#} s", "none",
        old => Verdict.List(old.Select(s => $"{s.UserName} (pid {s.Pid} on {s.Node}) for {s.TransactionSeconds:0} s")),
        old => Verdict.Lines(old, s => $"Stop-CitusActivity {s.Session}"));
}
