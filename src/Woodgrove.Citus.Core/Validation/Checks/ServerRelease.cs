namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ServerRelease() : CitusCheck(CheckCategory.Upgrade,
    "The next version of Citus runs on this version of PostgreSQL.",
    "Otherwise PostgreSQL is upgraded first, to a version that both versions of Citus run on.")
{
    /// <summary>What each version of Citus runs on, by its release notes.</summary>
    private static readonly (int Citus, int First, int Last)[] Supported = [(11, 13, 15), (12, 14, 16), (13, 15, 17), (14, 16, 18)];

    private static readonly Question<Release> Releases = new(Ask.EveryNode, """
        SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS server,
            pg_catalog.split_part(pg_catalog.split_part(pg_catalog.citus_version(), ' ', 2), '.', 1) AS citus
        """);

    public override IReadOnlyList<Question> Questions => [Releases];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Release> all = facts.Of(Releases);
        int citus = all.Min(r => int.TryParse(r.Citus, out int major) ? major : int.MaxValue);
        (int Citus, int First, int Last) now = Array.Find(Supported, s => s.Citus == citus),
            next = Array.Find(Supported, s => s.Citus == citus + 1);
        if (next.Citus == 0)
            return Verdict.Passed("as the release notes of the next version say", $"no version after Citus {citus} is known here");
        return Verdict.Unless([.. all.Where(r => r.Server < next.First || r.Server > next.Last)], CheckStatus.Warning,
            $"PostgreSQL {next.First} to {next.Last} for Citus {next.Citus}",
            $"Citus {next.Citus} runs on PostgreSQL {Verdict.List(all.Select(r => $"{r.Server}"))}",
            old => $"PostgreSQL {Verdict.List(old.Select(r => $"{r.Server} on {r.Node}"))}",
            _ => $"For Citus {next.Citus}, upgrade PostgreSQL of all nodes first, with pg_upgrade, to "
                + $"{Math.Max(now.First, next.First)} to {Math.Min(now.Last, next.Last)}, on which Citus {citus} runs too: "
                + "SELECT citus_prepare_pg_upgrade() on each node before, "
                + "SELECT citus_finish_pg_upgrade() after.");
    }

    public sealed record Release(string Node, int Server, string Citus);
}
