using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// The table <c>woodgrove.staging_…</c> in which an import with a conflict rule gathers its rows, as the ledger knows
/// it.
/// </summary>
internal static class StagingTable
{
    public static TableName NameOf(Guid importId) => new(LedgerSchema.Name, $"staging_{importId:N}");

    public static Task<bool> ExistsAsync(NpgsqlConnection session, Guid importId, CancellationToken stop) =>
        LedgerSchema.HasTableAsync(session, NameOf(importId).Name, stop);

    /// <returns>Null where there is none.</returns>
    public static Task<uint?> OidAsync(NpgsqlConnection session, Guid importId, CancellationToken stop) => session.ScalarAsync<uint?>(
        "SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.to_regnamespace('woodgrove') AND relname = $1", stop,
        NameOf(importId).Name);

    /// <summary>Drops the staging table of an import that will not be resumed.</summary>
    /// <returns>True where there was one.</returns>
    public static async Task<bool> DropAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        if (!await ExistsAsync(session, importId, stop)) return false;
        await session.ExecuteAsync($"DROP TABLE {NameOf(importId).Sql}", stop);
        return true;
    }

    /// <summary>Imports for which this user has a staging table and the ledger has no row: they can't be resumed.</summary>
    public static async Task<IReadOnlyList<Guid>> LeftoversAsync(NpgsqlConnection session, CancellationToken stop)
    {
        return await session.ListAsync("""
            SELECT import_id FROM (
                SELECT substr(relname, 9)::uuid AS import_id FROM pg_catalog.pg_class
                WHERE relnamespace = pg_catalog.to_regnamespace('woodgrove') AND relname ~ '^staging_[0-9a-f]{32}$'
                    AND pg_catalog.pg_has_role(relowner, 'USAGE')) s
            WHERE NOT EXISTS (SELECT FROM woodgrove.import_batch b WHERE b.import_id = s.import_id)
            """, row => row.GetGuid(0), stop);
    }
}
