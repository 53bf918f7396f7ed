using System.Data;
using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// Sends a cancellation on to the servers, which alone know when a wait inside them can end: each is asked over another
/// session to cancel what the load's sessions are doing. Disposed, it sends nothing more, and what it has sent has arrived.
/// </summary>
internal sealed class ServerCancellation : IAsyncDisposable
{
    private readonly CancellationTokenRegistration _registration;
    private Task _sending = Task.CompletedTask;

    /// <param name="sessions">The process ids of the load's sessions, by server, with what opens another session to it.</param>
    public ServerCancellation(
        CancellationToken stop, Func<IEnumerable<(Func<CancellationToken, Task<NpgsqlConnection>> Open, int[] ProcessIds)>> sessions) =>
        _registration = stop.Register(() => _sending = Task.WhenAll(sessions().Select(s => SendAsync(s.Open, s.ProcessIds)).ToList()));

    public async ValueTask DisposeAsync()
    {
        await _registration.DisposeAsync();
        await _sending; // or it would reach whoever has the sessions next
    }

    /// <summary>
    /// Ends what a session executes whose rows nobody wants any more, where it came through the load-balanced port: Npgsql's own
    /// cancel request is another connection there and may reach another node, and to dispose the rows would read them to their end.
    /// </summary>
    /// <param name="node">The session's node; default is where the connection leads.</param>
    public static Task EndAsync(CitusConnection connection, NodeName node, NpgsqlConnection session) =>
        connection.IsBalanced(session) && session.State == ConnectionState.Open
            ? SendAsync(stop => connection.ReopenAsync(node, stop), [session.ProcessID]) : Task.CompletedTask;

    /// <summary>Ends a COPY … TO STDOUT whose rest nobody wants.</summary>
    public static async Task EndAsync(CitusConnection connection, NodeName node, NpgsqlConnection session, NpgsqlRawCopyStream copy)
    {
        try
        {
            await EndAsync(connection, node, session);
            await copy.CancelAsync(); // disposing alone would read it to its end
            await copy.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException or OperationCanceledException
            or NullReferenceException)
        {
            // Its own end is what nobody wanted the rest for.
        }
    }

    private static async Task SendAsync(Func<CancellationToken, Task<NpgsqlConnection>> open, int[] processIds)
    {
        try
        {
            await using NpgsqlConnection other = await open(CancellationToken.None);
            await using var command = new NpgsqlCommand("SELECT pg_catalog.pg_cancel_backend(p) FROM unnest($1) p", other)
            {
                Parameters = { new() { Value = processIds } },
            };
            await command.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or CitusException or ObjectDisposedException)
        {
            // The sessions' own end rolls them back, only later.
        }
    }
}
