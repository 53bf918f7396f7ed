using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>Asks a server to cancel what sessions are doing.</summary>
internal static class ServerCancel
{
    public static async Task SendAsync(Func<CancellationToken, Task<NpgsqlConnection>> open, int[] processIds)
    {
        try
        {
            await using NpgsqlConnection other = await open(CancellationToken.None);
            await using var command = new NpgsqlCommand("SELECT pg_catalog.pg_cancel_backend(p) FROM unnest($1) p", other)
                { Parameters = { new() { Value = processIds } } };
            await command.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or CitusException or ObjectDisposedException)
        {
            // The sessions' own end rolls them back, only later.
        }
    }
}
