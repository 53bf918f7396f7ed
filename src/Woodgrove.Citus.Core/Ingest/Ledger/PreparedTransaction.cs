using System.Globalization;
using Npgsql;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>A transaction that an import has prepared, as a node lists it.</summary>
/// <param name="TransactionId">Its id (xid8).</param>
/// <param name="Owner">The role that prepared it.</param>
internal sealed record PreparedTransaction(PreparedName Name, string TransactionId, string Owner)
{
    /// <summary>Those on a node of the session's database that name a coordinator.</summary>
    /// <param name="importId">Only this import's, or null for all.</param>
    public static async Task<List<PreparedTransaction>> ListAsync(NpgsqlConnection node, string coordinatorId, Guid? importId,
        CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT p.gid, p.owner::text, p.transaction::text::bigint,
                pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint
            FROM pg_catalog.pg_prepared_xacts p
            WHERE p.database = pg_catalog.current_database() AND pg_catalog.starts_with(p.gid, $1) ORDER BY p.gid
            """, node) { Parameters = { new() { Value = PreparedName.Prefix + coordinatorId } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var found = new List<PreparedTransaction>();
        while (await row.ReadAsync(stop))
        {
            if (PreparedName.Parse(row.GetString(0)) is { } name && name.Coordinator == coordinatorId
                && (importId is null || name.ImportId == importId))
                found.Add(new PreparedTransaction(name, FullId(row.GetInt64(2), row.GetInt64(3)), row.GetString(1)));
        }
        return found;
    }

    /// <summary>The id (xid8) of which the server shows the lower 32 bits: the nearest one to a given id.</summary>
    /// <param name="near">The snapshot's xmax, just past the last transaction that has ended: those that run may be beyond it.</param>
    internal static string FullId(long id, long near)
    {
        long distance = unchecked((int)(uint)(id - near));
        return (near + distance).ToString(CultureInfo.InvariantCulture);
    }
}
