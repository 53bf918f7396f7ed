using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class PreparedTransactions() : CitusCheck(CheckCategory.Transactions,
    "No prepared transaction is older than a distributed commit takes.",
    "A stuck one holds its locks, so that moves and DDL wait for it indefinitely, and it keeps vacuum from removing dead rows on its node.")
{
    private static readonly Question<Prepared> Transactions = new(Ask.EveryNode, """
        SELECT gid, owner::text, extract(epoch FROM pg_catalog.now() - prepared)::float8 AS seconds
        FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() ORDER BY prepared
        """);

    public override Threshold Threshold => new(120, "seconds; Citus ends its own once a minute");

    public override IReadOnlyList<Question> Questions => [Transactions];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless([.. facts.Of(Transactions).Where(t => t.Seconds > facts.Limit)], CheckStatus.Failed,
        $"none older than {facts.Limit:0.#} s", $"{facts.Of(Transactions).Count} prepared, none older",
        stuck => Verdict.List(stuck.Select(t => $"{t.Gid} on {t.Node}, {t.Seconds:0} s, {t.Origin}")),
        stuck => Verdict.Lines(stuck, t => t.Origin switch
        {
            "Citus" => $"Repair-CitusCluster{(facts.Limit < 120 ? $" -OlderThan {TimeSpan.FromSeconds(facts.Limit):c}" : "")} # Citus commits or rolls it back, as pg_dist_transaction decides",
            "an import of this module" => "Repair-CitusImport # commits or rolls it back, as its ledger decides",
            _ => $"ROLLBACK PREPARED {TableName.Literal(t.Gid)}; -- on {t.Node}, or COMMIT PREPARED, as its application decides",
        }));

    internal static string OriginOf(string gid) => gid.StartsWith("citus_", StringComparison.Ordinal) ? "Citus"
        : PreparedName.Parse(gid) is not null ? "an import of this module" : "another application";

    public sealed record Prepared(string Node, string Gid, string? Owner, double? Seconds)
    {
        /// <summary>Whose it is, by its name.</summary>
        public string Origin => OriginOf(Gid);
    }
}
