namespace Woodgrove.Citus.Validation.Checks;

internal sealed class IdleTransactions() : CitusCheck(CheckCategory.Transactions,
    "No session sits idle in an open transaction.",
    "It keeps its locks and its snapshot, on every node that it touched, while it does nothing: "
        + "most often an application that does not commit.")
{
    public override Threshold Threshold => new(300, "seconds without a statement");

    public override string Role => "pg_read_all_stats";

    public override IReadOnlyList<Question> Questions => [ClientSession.Question];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless([.. facts.Of(ClientSession.Question).Where(s => s.IsIdle && s.StateSeconds > facts.Limit)], CheckStatus.Warning,
        $"none idle for more than {facts.Limit:0.#} s", "none",
        idle => Verdict.List(idle.Select(s => $"{s.UserName} (pid {s.Pid} on {s.Node}) for {s.StateSeconds:0} s")),
        idle => Verdict.Lines(idle, s => $"Stop-CitusActivity {s.Session} -Force # "
            + "idle_in_transaction_session_timeout ends such sessions by itself"));
}
