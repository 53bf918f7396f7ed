using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// Advisory locks by which sessions tell that an import runs: one on the coordinator, which admits one load at a time,
/// and a shared one in each of the load's sessions on a node, which tells even those who ask another ledger that the
/// import is alive. They are the session's, so they end when it does.
/// </summary>
internal static class ImportLock
{
    /// <summary>The first key of the lock on the coordinator.</summary>
    public const int Ledger = LedgerSchema.LockSpace;

    /// <summary>The first key of the locks on the nodes.</summary>
    public const int Node = LedgerSchema.LockSpace + 1;

    /// <summary>The first key of the lock on the coordinator that keeps loads with -Resume of one source apart.</summary>
    private const int Source = LedgerSchema.LockSpace + 2;

    /// <summary>The second key.</summary>
    public static int Key(Guid importId) => PostgresHash.Bytes(importId.ToByteArray());

    /// <summary>Takes a lock until the session ends, if no session holds it.</summary>
    /// <exception cref="CitusException">Another client shares this session: the connection leads through a pooler.</exception>
    public static Task<bool> TryTakeAsync(NpgsqlConnection session, int space, Guid importId, CancellationToken stop) =>
        TryTakeAsync(session, space, Key(importId), importId, stop);

    /// <inheritdoc cref="TryTakeAsync(NpgsqlConnection, int, Guid, CancellationToken)"/>
    public static Task<bool> TryTakeAsync(NpgsqlConnection session, Guid importId, ResumedSource source, CancellationToken stop) =>
        TryTakeAsync(session, Source, source.Key, importId, stop);

    private static async Task<bool> TryTakeAsync(NpgsqlConnection session, int space, int key, Guid importId, CancellationToken stop)
    {
        // A session gets a lock that it already holds; where a pooler lends one session to many clients, that would let in two of them.
        await using var command = new NpgsqlCommand(
            $"SELECT CASE WHEN {IsHeldHere(space, "$1")} THEN NULL ELSE pg_catalog.pg_try_advisory_lock({space}, $1) END", session)
        {
            Parameters = { new() { Value = key } },
        };
        return await command.ExecuteScalarAsync(stop) switch
        {
            bool taken => taken,
            _ => throw LedgerErrors.PooledLock(importId, "another client already holds the import's lock in the same server session"),
        };
    }

    /// <summary>Shows that an import runs, until the session ends.</summary>
    public static Task ShareAsync(NpgsqlConnection session, Guid importId, CancellationToken stop) =>
        session.ExecuteAsync($"SELECT pg_catalog.pg_advisory_lock_shared({Node}, $1)", stop, Key(importId));

    /// <summary>Releases all of a session's locks at once: the pool would do it only when the session is next used.</summary>
    public static Task ReleaseAllAsync(NpgsqlConnection session) =>
        CitusConnection.TidyAsync(session, "SELECT pg_catalog.pg_advisory_unlock_all()");

    /// <summary>The imports of these whose lock on the coordinator somebody holds; takes none.</summary>
    public static async Task<IReadOnlySet<Guid>> HeldAsync(NpgsqlConnection coordinator, IEnumerable<Guid> imports, CancellationToken stop)
    {
        List<long> held = await coordinator.ListAsync($"""
            SELECT l.objid::bigint FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
            WHERE l.locktype = 'advisory' AND l.classid = {Ledger}::oid AND l.objsubid = 2 AND l.granted
                AND d.datname = pg_catalog.current_database()
            """, row => row.GetInt64(0), stop);
        HashSet<int> keys = [.. held.Select(h => unchecked((int)h))];
        return imports.Where(i => keys.Contains(Key(i))).ToHashSet();
    }

    /// <summary>An SQL condition: the session that evaluates it holds a lock.</summary>
    /// <param name="key">The parameter with the second key.</param>
    public static string IsHeldHere(int space, string key) => $"""
        EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND granted
                AND classid = {space}::oid AND objsubid = 2 AND objid = ({key}::bigint & 4294967295)::oid)
        """;

    /// <summary>A session finds itself without the lock that it has taken.</summary>
    public static CitusException Lost(Guid importId) =>
        LedgerErrors.PooledLock(importId, "the server session that commits is not the one that took the import's lock");
}
