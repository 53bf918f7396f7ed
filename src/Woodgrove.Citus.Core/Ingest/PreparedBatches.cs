using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Ingest;

/// <summary>
/// Names the transactions that a batch prepares on the nodes, and ends those that a killed load left behind.
/// The names do not begin with <c>citus_</c>, whose owners Citus rolls back itself.
/// </summary>
internal static class PreparedBatches
{
    private const string Prefix = "woodgrove_";

    /// <param name="attempt">That of the ledger: what an attempt prepares, no other attempt's row decides.</param>
    public static string Name(Guid importId, int batch, string attempt, long shardId) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}{importId:N}_{batch}_{attempt}_{shardId}");

    /// <summary>Commits or rolls back what imports that no longer run left prepared, as the ledger decides.</summary>
    /// <param name="everywhere">A node that can't be reached is an error.</param>
    public static async Task RecoverAsync(CitusConnection connection, NodeAddresses addresses, Action<string>? explain, CancellationToken stop, bool everywhere = false)
    {
        await using NpgsqlConnection coordinator = await connection.OpenSessionAsync(stop);
        if (!await ImportLedger.ExistsAsync(coordinator, stop)) return;
        foreach ((string host, int port) in await addresses.NodesAsync(coordinator, stop))
        {
            try
            {
                await using NpgsqlConnection node = await connection.OpenNodeSessionAsync(host, port, stop);
                foreach ((string name, Guid import, int batch, string attempt) in await ListAsync(node, stop))
                {
                    if (!await ImportLedger.TryLockAsync(coordinator, import, stop)) continue; // it runs
                    bool decided = await ImportLedger.IsDecidedAsync(coordinator, import, batch, attempt, stop);
                    await EndAsync(node, name, decided, stop);
                    explain?.Invoke($"{(decided ? "Committed" : "Rolled back")} {name} on {host}:{port}, which a killed load had left prepared.");
                }
            }
            catch (NpgsqlException e) when (!everywhere && !stop.IsCancellationRequested)
            {
                explain?.Invoke($"What killed loads left on {host}:{port} could not be looked at: {e.Message}");
            }
        }
        foreach (Guid import in await Staging.LeftoversAsync(coordinator, stop))
        {
            if (await ImportLedger.TryLockAsync(coordinator, import, stop) && await Staging.DropAsync(coordinator, import, stop))
                explain?.Invoke($"Dropped the staging table of import {import}, which a killed load had left behind.");
        }
        await ImportLedger.UnlockAllAsync(coordinator);
    }

    /// <summary>COMMIT PREPARED or ROLLBACK PREPARED.</summary>
    public static async Task EndAsync(NpgsqlConnection node, string name, bool commit, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"{(commit ? "COMMIT" : "ROLLBACK")} PREPARED '{name}'", node);
        try
        {
            await command.ExecuteNonQueryAsync(stop);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedObject)
        {
            // Somebody else has ended it, by the same ledger.
        }
    }

    private static async Task<List<(string Name, Guid Import, int Batch, string Attempt)>> ListAsync(NpgsqlConnection node, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() AND pg_catalog.starts_with(gid, '{Prefix}')", node);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var found = new List<(string, Guid, int, string)>();
        while (await row.ReadAsync(stop))
        {
            string[] parts = row.GetString(0).Split('_');
            if (parts.Length == 5 && Guid.TryParseExact(parts[1], "N", out Guid import) && int.TryParse(parts[2], out int batch))
                found.Add((row.GetString(0), import, batch, parts[3]));
        }
        return found;
    }
}

/// <summary>Maps the names that the cluster's nodes have among themselves to addresses that this machine can reach.</summary>
internal sealed class NodeAddresses(IReadOnlyDictionary<string, string>? map)
{
    /// <summary>The address of a node: <c>host</c> or <c>host:port</c> of the map, else the cluster's own.</summary>
    public (string Host, int Port) Resolve(string name, int port)
    {
        if (map is null || !(map.TryGetValue($"{name}:{port}", out string? to) || map.TryGetValue(name, out to))) return (name, port);
        return to.Split(':') is [var host, var number] && int.TryParse(number, out int mapped) ? (host, mapped) : (to, port);
    }

    /// <summary>All primary nodes.</summary>
    public async Task<List<(string Host, int Port)>> NodesAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT nodename, nodeport FROM pg_catalog.pg_dist_node WHERE isactive AND noderole = 'primary' ORDER BY 1, 2", session);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var nodes = new List<(string, int)>();
        while (await row.ReadAsync(stop)) nodes.Add(Resolve(row.GetString(0), row.GetInt32(1)));
        return nodes;
    }
}
