using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// The timeline that the coordinator writes. A standby that is promoted begins a new one, and a server that is restored
/// too; either may lack the last decisions of the timeline before. Each attempt at an import names the one it began on.
/// </summary>
/// <param name="Id">The last four hexadecimal digits of the timeline.</param>
/// <param name="IsReplicated">True where commits wait for a synchronous standby, so that a promoted one lacks no decision.</param>
internal sealed record CoordinatorTimeline(string Id, bool IsReplicated)
{
    private const string Replicated = "0000";

    public static async Task<CoordinatorTimeline> ReadAsync(NpgsqlConnection coordinator, CancellationToken stop)
    {
        return (await coordinator.FirstAsync("""
            SELECT pg_catalog.lower(pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 5, 4)),
                   pg_catalog.current_setting('synchronous_standby_names') <> ''
            """, row => new CoordinatorTimeline(row.GetString(0), row.GetBoolean(1)), stop))!;
    }

    /// <summary>The name of an attempt that begins now, twelve hexadecimal digits.</summary>
    public string NewAttempt() =>
        (IsReplicated ? Replicated : Id) + System.Security.Cryptography.RandomNumberGenerator.GetHexString(8, lowercase: true);

    /// <summary>True where this server may lack decisions of an attempt, because another server was the coordinator then.</summary>
    public bool MayLack(string attempt) =>
        !attempt.StartsWith(Replicated, StringComparison.Ordinal) && string.CompareOrdinal(attempt, 0, Id, 0, Id.Length) < 0;
}
