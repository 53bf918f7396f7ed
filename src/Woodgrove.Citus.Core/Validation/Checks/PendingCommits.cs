using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class PendingCommits() : CitusCheck(CheckCategory.Upgrade,
    "No transaction is prepared on any node, in any database.",
    "pg_upgrade refuses a server with one, and one that another version of Citus has prepared may not be ended by the next.")
{
    private static readonly Question<Pending> Transactions = new(Ask.EveryNode, """
        SELECT gid, database::text, owner::text, extract(epoch FROM pg_catalog.now() - prepared)::float8 AS seconds,
            database = pg_catalog.current_database() AS is_here
        FROM pg_catalog.pg_prepared_xacts ORDER BY prepared
        """);

    public override IReadOnlyList<Question> Questions => [Transactions];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Transactions), CheckStatus.Failed, "none prepared", "none is prepared",
        pending => $"{pending.Count} prepared: {Verdict.List(pending.Select(p => $"{p.Gid} on {p.Node}, {p.Seconds:0} s"))}",
        pending => Verdict.Lines(pending, Fix));

    private static string Fix(Pending pending) => PreparedTransactions.OriginOf(pending.Gid) switch
    {
        "Citus" when pending.IsHere => "Repair-CitusCluster -OlderThan 0 # while nothing else commits",
        "an import of this module" when pending.IsHere => "Repair-CitusImport # commits or rolls it back, as its ledger decides",
        _ => $"ROLLBACK PREPARED {TableName.Literal(pending.Gid)}; -- on {pending.Node}"
            + $"{(pending.IsHere ? "" : $" in database {pending.Database}")}, or COMMIT PREPARED, as its application decides",
    };

    public sealed record Pending(string Node, string Gid, string? Database, string? Owner, double? Seconds, bool IsHere);
}
