namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>
/// Citus's background worker for the database. In a server that has just been started or promoted it runs a moment later
/// than the first session. A change of a node's address that commits before then crashes the server: Citus 13.2 and 14.0
/// wake the worker by a latch that it has not set yet.
/// </summary>
internal static class MaintenanceDaemon
{
    /// <summary>The statement that returns when the worker runs.</summary>
    public const string Await = """
        DO $$ BEGIN
            FOR attempt IN 1..600 LOOP
                EXIT WHEN EXISTS (SELECT FROM pg_stat_activity
                                  WHERE application_name LIKE 'Citus Maintenance Daemon%' AND datname = current_database());
                PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
            END LOOP;
        END $$
        """;
}
