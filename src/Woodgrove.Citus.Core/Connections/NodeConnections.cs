using Npgsql;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// The coordinator's connections to the nodes, which a session can keep from batch to batch. By default it keeps one a
/// node, and to reopen those to the other shards takes longer than to load some ten thousand rows.
/// </summary>
internal static class NodeConnections
{
    public static Task KeepAsync(NpgsqlConnection session, CancellationToken stop) =>
        session.ExecuteAsync("SET citus.max_cached_conns_per_worker = 64", stop);

    /// <summary>Has them closed.</summary>
    public static Task ReleaseAsync(NpgsqlConnection session) =>
        CitusConnection.TidyAsync(session, "RESET citus.max_cached_conns_per_worker");
}
