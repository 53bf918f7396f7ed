namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>Settings of the sessions that a load works in.</summary>
internal static class LoadSession
{
    /// <summary>How long the transaction of a load waits for a lock.</summary>
    public const string LockTimeout = "SET LOCAL lock_timeout = '60s'";

    /// <summary>
    /// What the transaction of a load, or of a copy's source, begins with. The server notices within a minute that the client
    /// has vanished without a word, and ends the session; by default that takes hours. No time limit of the server's ends it,
    /// and locks are waited for a minute at most. Citus is told to set the same in the sessions that it opens to other nodes.
    /// </summary>
    public const string TransactionSettings = $"""
        SET LOCAL citus.propagate_set_commands = 'local';
        SET LOCAL tcp_keepalives_idle = 30; SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 3;
        SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; {LockTimeout};
        SELECT pg_catalog.set_config('transaction_timeout', '0', true) WHERE pg_catalog.current_setting('server_version_num')::int >= 170000
        """;

    /// <summary>The same for a session that lives as long as a load, and whose locks must live as long.</summary>
    public const string SessionSettings = """
        SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
        SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
        WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')
        """;

    /// <summary>Begins a transaction that reads whole tables, however long that takes.</summary>
    public const string BeginRead = $"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {TransactionSettings}";

    /// <summary>
    /// For a transaction whose commit decides: the commit is not reported before it is on disk. Levels that wait for more
    /// than that are kept.
    /// </summary>
    public const string DurableCommit =
        "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') IN "
            + "('off', 'local')";
}
