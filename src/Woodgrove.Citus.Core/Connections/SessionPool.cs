using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>The pool of sessions to one address. Holds the secret inside Npgsql's data source; no member gives it out.</summary>
internal sealed class SessionPool : IAsyncDisposable
{
    /// <summary>How many sessions a pool may keep idle: Npgsql's default.</summary>
    private const int Most = 100;

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

    /// <summary>A session that answers: a pooled one may be of a server that has been restarted since.</summary>
    /// <param name="prepare">Asks it something.</param>
    public static async Task<NpgsqlConnection> AnsweringAsync(Func<CancellationToken, Task<NpgsqlConnection>> open,
        Func<NpgsqlConnection, Task> prepare, CancellationToken stop)
    {
        for (int attempt = 1; ; attempt++)
        {
            NpgsqlConnection session = await open(stop);
            try
            {
                await prepare(session);
                return session;
            }
            catch (Exception e)
            {
                await session.DisposeAsync();
                // After the last of the pool comes a new one.
                if (attempt > Most || e is not NpgsqlException || !PostgresErrors.IsNetwork(e) || stop.IsCancellationRequested) throw;
            }
        }
    }
}
