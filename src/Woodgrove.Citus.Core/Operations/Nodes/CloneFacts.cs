using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>What a replica and the node that it should be a replica of say of their replication.</summary>
/// <param name="IsReplica">It only replays another server's log.</param>
/// <param name="IsRelated">It was made of the node's own files.</param>
/// <param name="State">Of its receiver of the log; null where it receives nothing.</param>
/// <param name="IsSynchronous">The node's commits wait for it.</param>
internal sealed record CloneFacts(bool IsReplica, bool IsRelated, string? State, bool IsSynchronous, long? LagBytes)
{
    private const string OfReplica = """
        SELECT pg_catalog.json_build_object('replica', pg_catalog.pg_is_in_recovery(),
            'system', (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), 'state', r.status,
            'replayed', pg_catalog.pg_last_wal_replay_lsn()::text, 'name', coalesce(
                pg_catalog.substring(r.conninfo, '(?:^| )application_name=(\S+)'),
                pg_catalog.substring(r.conninfo, '(?:^| )fallback_application_name=(\S+)')))
        FROM (SELECT 1) x LEFT JOIN pg_catalog.pg_stat_wal_receiver r ON true
        """;

    private const string OfPrimary = """
        SELECT pg_catalog.json_build_object('system', (SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
            'written', CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_lsn()::text END,
            'synchronous', (SELECT coalesce(pg_catalog.json_agg(application_name), '[]') FROM pg_catalog.pg_stat_replication
                WHERE sync_state IN ('sync', 'quorum')))
        """;

    /// <summary>Asks both over the cluster's own connections.</summary>
    /// <returns>Null where one of them does not answer.</returns>
    public static async Task<CloneFacts?> ReadAsync(NpgsqlConnection session, NodeName replica, NodeName primary, CancellationToken stop)
    {
        // In this order, so that a lag of 0 is one.
        if (await AskAsync(session, primary, OfPrimary, stop) is not { } node) return null;
        if (await AskAsync(session, replica, OfReplica, stop) is not { } copy) return null;
        return new CloneFacts(copy.GetProperty("replica").GetBoolean(),
            copy.GetProperty("system").GetString() == node.GetProperty("system").GetString(), copy.GetProperty("state").GetString(),
            copy.GetProperty("name").GetString() is { } name
                && node.GetProperty("synchronous").EnumerateArray().Any(s => s.GetString() == name),
            Lag(node.GetProperty("written").GetString(), copy.GetProperty("replayed").GetString()));
    }

    private static long? Lag(string? written, string? replayed) =>
        written is null || replayed is null ? null
            : Math.Max(0, (long)(ulong)NpgsqlLogSequenceNumber.Parse(written) - (long)(ulong)NpgsqlLogSequenceNumber.Parse(replayed));

    private static async Task<JsonElement?> AskAsync(NpgsqlConnection session, NodeName node, string question, CancellationToken stop)
    {
        if (!await NodeChanger.AnswersAsync(session, node, stop)) return null;
        (bool success, string result) = await session.FirstAsync("SELECT success, coalesce(result, '') FROM "
            + "pg_catalog.master_run_on_worker(ARRAY[$1], ARRAY[$2], ARRAY[$3], false)", row => (row.GetBoolean(0), row.GetString(1)),
            stop, node.Host, node.Port, SearchPath.Wrap(question));
        return success ? JsonDocument.Parse(SearchPath.Unwrap(result)!).RootElement : null;
    }
}
