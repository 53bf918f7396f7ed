using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class LockWaits() : CitusCheck(CheckCategory.Transactions,
    "No session waits long for a lock.",
    "Others queue up behind it, and a statement over all shards waits for the slowest of them.")
{
    // Who waits on a worker is most often a session of Citus itself. Its name tells the client's global process id,
    // which Stop-CitusActivity takes: ten digits of process id behind the node's own.
    private static readonly Question<Wait> Waits = new(Ask.EveryNode, $"""
        WITH session AS (
          SELECT a.pid, a.usename, a.query, a.state_change,
              coalesce(pg_catalog.substring(a.application_name, '^citus_.* gpid=([0-9]+)')::bigint,
                 coalesce((SELECT n.nodeid FROM pg_catalog.pg_dist_node n JOIN pg_catalog.pg_dist_local_group g USING (groupid)
                     WHERE n.noderole = 'primary'), 0) * 10000000000 + a.pid) AS gpid
          FROM pg_catalog.pg_stat_activity a WHERE a.datname = pg_catalog.current_database())
        SELECT s.gpid AS session, s.usename::text AS user_name,
            extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(l.waitstart, s.state_change))::float8 AS seconds, l.mode,
               coalesce({SearchPath.Show("l.relation")}, l.locktype) AS object, pg_catalog.left(s.query, 200) AS query,
               (SELECT pg_catalog.array_agg(DISTINCT coalesce(b.gpid, p)) FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(l.pid)) p
                   LEFT JOIN session b ON b.pid = p) AS blocked_by
        FROM pg_catalog.pg_locks l JOIN session s USING (pid) WHERE NOT l.granted ORDER BY 3 DESC, 1
        """);

    // A session between two statements has none to cancel.
    private static readonly Question<Idle> IdleSessions = new(Ask.EveryNode, """
        SELECT coalesce((SELECT n.nodeid FROM pg_catalog.pg_dist_node n JOIN pg_catalog.pg_dist_local_group g USING (groupid)
            WHERE n.noderole = 'primary'), 0) * 10000000000 + pid AS session
        FROM pg_catalog.pg_stat_activity WHERE state LIKE 'idle in transaction%' AND application_name NOT LIKE 'citus\_%'
        """);

    public override Threshold Threshold => new(10, "seconds of waiting");

    public override string Role => "pg_read_all_stats";

    public override IReadOnlyList<Question> Questions => [Waits, IdleSessions];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless([.. facts.Of(Waits).Where(w => w.Seconds > facts.Limit)], CheckStatus.Warning,
        $"none longer than {facts.Limit:0.#} s", "none",
        waits => Verdict.List(waits.Select(w =>
            $"session {w.Session} waits {w.Seconds:0} s on {w.Node} for {w.Object}, "
                + $"held by {string.Join(", ", w.Blockers.Select(b => b == 0 ? "a prepared transaction" : $"session {b}"))}")),
        waits => Verdict.Lines(waits.SelectMany(w => w.Blockers).Where(b => b != 0),
            b => facts.Of(IdleSessions).Any(i => i.Session == b) ? $"Stop-CitusActivity {b} -Force # it is idle in its transaction"
                : $"Stop-CitusActivity {b}")
            + "\nGet-CitusLockWait # who waits for whom over all nodes");

    /// <param name="Session">The global process id of the client's session, whichever node it is on.</param>
    /// <param name="UserName">Null of the server's own processes.</param>
    /// <param name="Seconds">Null in the moment in which the wait begins.</param>
    /// <param name="BlockedBy">Those of the sessions that hold the lock; 0 is a prepared transaction.</param>
    public sealed record Wait(string Node, long Session, string? UserName, double? Seconds, string Mode, string Object, long[]? BlockedBy,
        string? Query)
    {
        internal IReadOnlyList<long> Blockers => BlockedBy ?? [];
    }

    /// <summary>A session that is idle in an open transaction.</summary>
    /// <param name="Session">Its global process id.</param>
    public sealed record Idle(string Node, long Session);
}
