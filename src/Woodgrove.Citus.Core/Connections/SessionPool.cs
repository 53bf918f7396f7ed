using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>The pool of sessions to one address. Holds the secret inside Npgsql's data source; no member gives it out.</summary>
internal sealed class SessionPool : IAsyncDisposable
{
    private readonly NpgsqlDataSource _sessions;
    private readonly AccessTokens? _tokens;

    /// <param name="unmapped">Lets sessions carry ranges and enums, for the user's own queries.</param>
    public SessionPool(NpgsqlConnectionStringBuilder settings, AccessTokens? tokens, bool unmapped = false)
    {
        _tokens = tokens;
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        if (unmapped) builder.EnableUnmappedTypes();
        if (tokens is not null)
            builder.UsePasswordProvider(_ => tokens.GetAsync(default).AsTask().GetAwaiter().GetResult(),
                (_, stop) => tokens.GetAsync(stop));
        _sessions = builder.Build();
    }

    public async Task<NpgsqlConnection> OpenAsync(CancellationToken stop)
    {
        try
        {
            return await _sessions.OpenConnectionAsync(stop);
        }
        catch (PostgresException e)
            when (_tokens is not null
                && e.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification)
        {
            // It was revoked, or tells nobody when it expires.
            _tokens!.Forget();
            return await _sessions.OpenConnectionAsync(stop);
        }
    }

    /// <summary>Ends the sessions that are idle now, and those in use when they come back.</summary>
    public void Clear() => _sessions.Clear();

    public ValueTask DisposeAsync() => _sessions.DisposeAsync();

    /// <summary>A session that is pinned to <c>pg_catalog</c> (<see cref="SearchPath"/>).</summary>
    /// <param name="seconds">How long a pooled session's server may take: Npgsql's own cancelling alone would wait for it.</param>
    public static async Task<NpgsqlConnection> PinnedAsync(Func<CancellationToken, Task<NpgsqlConnection>> open, int seconds,
        CancellationToken stop)
    {
        NpgsqlConnection session = await open(stop);
        try
        {
            return await PinAsync(session, seconds, stop);
        }
        catch (NpgsqlException e) when (PostgresErrors.IsNetwork(e) && !stop.IsCancellationRequested)
        {
            // A pooled session may be one to a server that has been restarted since; the next is a new one.
            NpgsqlConnection.ClearPool(session);
            return await PinAsync(await open(stop), seconds, stop);
        }
    }

    private static async Task<NpgsqlConnection> PinAsync(NpgsqlConnection session, int seconds, CancellationToken stop)
    {
        try
        {
            await SearchPath.PinAsync(session, stop, timeout: seconds);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }
}
