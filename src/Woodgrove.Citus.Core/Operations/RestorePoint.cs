using System.Text.Json;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations;

/// <summary>A name to which every node can be recovered from its backup, as <c>woodgrove.restore_point</c> keeps it.</summary>
/// <param name="Lsn">Where its record ends in the coordinator's write-ahead log.</param>
public sealed record RestorePoint(
    string Name, DateTime Time, string Lsn, Listing<RestorePointNode> Nodes, string CreatedBy, string? Description)
{
    internal const string Table = "restore_point";

    private static readonly JsonSerializerOptions Snakes = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>All that are kept, the latest first.</summary>
    /// <exception cref="Errors.CitusException">This user may not read them.</exception>
    public static async Task<IReadOnlyList<RestorePoint>> ListAsync(CitusConnection connection, CancellationToken stop)
    {
        CitusConnection coordinator = await connection.AtCoordinatorAsync(stop);
        await using NpgsqlConnection session = await coordinator.OpenSessionAsync(stop);
        if (!await LedgerSchema.HasTableAsync(session, Table, stop)) return [];
        await LedgerSchema.RequireTrustedAsync(session, Table, stop);
        try
        {
            return await session.ListAsync("""
                SELECT name, created_at, lsn::text, coalesce(nodes, '[]')::text, created_by, description FROM woodgrove.restore_point
                ORDER BY created_at DESC
                """, Read, stop);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw RestorePointErrors.NotReadable(session, e);
        }
    }

    /// <summary>That of a name, or those that a pattern stands for.</summary>
    /// <param name="matches">The pattern; null where the name is none.</param>
    /// <exception cref="Errors.CitusException">There is none of the name.</exception>
    public static async Task<IReadOnlyList<RestorePoint>> FindAsync(CitusConnection connection, string name, Func<string, bool>? matches,
        CancellationToken stop)
    {
        IReadOnlyList<RestorePoint> all = await ListAsync(connection, stop);
        if (all.FirstOrDefault(p => p.Name == name) is { } one) return [one];
        return matches is null ? throw RestorePointErrors.NotFound(name) : [.. all.Where(p => matches(p.Name))];
    }

    private static RestorePoint Read(NpgsqlDataReader row)
    {
        string lsn = row.GetString(2);
        RestorePointNode[] nodes = JsonSerializer.Deserialize<RestorePointNode[]>(row.GetString(3), Snakes)!;
        return new(row.GetString(0), row.GetDateTime(1), lsn, [.. nodes.Select(n => n.GroupId == 0 ? n with { Lsn = lsn } : n)],
            row.GetString(4), row.TextOrNull(5));
    }
}
