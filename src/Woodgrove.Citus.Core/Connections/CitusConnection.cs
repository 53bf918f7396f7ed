using System.Collections.Concurrent;
using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// A cluster that one is connected to: what it is, and the pool of sessions to it. Holds the only copy of the
/// secret, inside Npgsql's data source; no member gives it out.
/// </summary>
public sealed class CitusConnection : IAsyncDisposable
{
    private readonly NpgsqlDataSource _sessions;
    private readonly NpgsqlConnectionStringBuilder _settings;
    private readonly ConcurrentDictionary<(string Host, int Port), NpgsqlDataSource> _nodes = [];
    private readonly ConcurrentDictionary<(string Host, int Port), bool> _outOfReach = [];

    private readonly AccessTokens? _tokens;
    private readonly bool _isSslModeByHost; // the user chose none
    private readonly Func<string, int, (string Host, int Port)>? _addresses; // of a view of the coordinator
    private readonly string? _coordinatorId;
    private (string Host, int Port)? _coordinatorAddress;

    private CitusConnection(
        NpgsqlDataSource sessions, NpgsqlConnectionStringBuilder settings, bool isSslModeByHost, AccessTokens? tokens, string name,
        ServerFacts facts)
    {
        (_tokens, _isSslModeByHost) = (tokens, isSslModeByHost);
        _sessions = sessions;
        _settings = settings;
        Name = name;
        Server = settings.Host!;
        Port = settings.Port;
        Database = facts.Database;
        UserName = facts.UserName;
        ServerVersion = facts.ServerVersion;
        CitusVersion = facts.CitusVersion;
        Engine = facts.Engine;
        SslMode = settings.SslMode.ToString();
    }

    /// <summary>A view of a connection whose sessions all lead to the coordinator; it shares the pools and is not disposed.</summary>
    private CitusConnection(CitusConnection other, Func<string, int, (string Host, int Port)> addresses, string coordinatorId)
    {
        (_sessions, _settings, _nodes, _outOfReach, _tokens, _isSslModeByHost) =
            (other._sessions, other._settings, other._nodes, other._outOfReach, other._tokens, other._isSslModeByHost);
        (Name, Server, Port, Database, UserName) = (other.Name, other.Server, other.Port, other.Database, other.UserName);
        (ServerVersion, CitusVersion, Engine, SslMode) = (other.ServerVersion, other.CitusVersion, other.Engine, other.SslMode);
        (_addresses, _coordinatorId) = (addresses, coordinatorId);
    }

    /// <summary>The name by which other commands may refer to it.</summary>
    public string Name { get; }

    /// <summary>Asked whether commands use this connection where none is named; the session that keeps the connections answers.</summary>
    public Func<CitusConnection, bool> AsksDefault { private get; set; } = _ => false;

    /// <summary>True of the connection that commands use where none is named.</summary>
    public bool IsDefault => AsksDefault(this);

    public string Server { get; }
    public int Port { get; }
    public string Database { get; }
    public string UserName { get; }

    /// <summary>PostgreSQL's version, such as 15.14.</summary>
    public Version ServerVersion { get; }

    /// <summary>The version of Citus, such as 13.2.2, or null where the database has no Citus.</summary>
    public string? CitusVersion { get; }

    /// <summary>Citus, Citus stand-in (the sandbox on a machine without Citus) or PostgreSQL.</summary>
    public string Engine { get; }

    /// <summary>The TLS mode of sessions to <see cref="Server"/>; sessions to the nodes have the mode that their own host needs.</summary>
    public string SslMode { get; }

    /// <summary>Connects, and asks the server what it is.</summary>
    /// <exception cref="CitusException">No connection could be had; the message says what to try.</exception>
    public static async Task<CitusConnection> OpenAsync(ConnectionRequest request, string? name, CancellationToken stop)
    {
        NpgsqlConnectionStringBuilder settings = request.Resolve(out bool isSslModeByHost);
        string shown = $"{settings.Host}:{settings.Port}/{settings.Database}";
        AccessTokens? tokens = request.FetchToken is null ? null : new AccessTokens(request.FetchToken);
        NpgsqlDataSource sessions = Source(settings, tokens, unmapped: true);
        try
        {
            await using NpgsqlConnection session = await sessions.OpenConnectionAsync(stop);
            return new CitusConnection(sessions, settings, isSslModeByHost, tokens, name ?? shown,
                await ServerFacts.ReadAsync(session, stop));
        }
        catch (Exception e)
        {
            await sessions.DisposeAsync();
            if (e is OperationCanceledException && stop.IsCancellationRequested) throw;
            throw Refused(e, shown, settings);
        }
    }

    /// <summary>
    /// Ends what a session keeps beyond its transaction, before it goes back: the pool would do it only when the
    /// session is next used.
    /// </summary>
    internal static async Task TidyAsync(NpgsqlConnection session, string sql)
    {
        try
        {
            await using var command = new NpgsqlCommand(sql, session);
            await command.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException)
        {
            // The session is gone, and all of it.
        }
    }

    /// <summary>
    /// Borrows a session from the pool, pinned to <c>pg_catalog</c> (<see cref="SearchPath"/>); it is reset when given
    /// back.
    /// </summary>
    public Task<NpgsqlConnection> OpenSessionAsync(CancellationToken stop) => OpenSessionAsync(pinned: true, null, stop);

    /// <param name="seconds">How long a server that hangs may hold this up: Npgsql's own cancelling alone would wait for it.</param>
    internal Task<NpgsqlConnection> OpenSessionAsync(int seconds, CancellationToken stop) => OpenSessionAsync(pinned: true, seconds, stop);

    /// <summary>
    /// Borrows a session with the user's own search path, for the user's own SQL. Whatever else runs in it qualifies
    /// every function and operator.
    /// </summary>
    internal Task<NpgsqlConnection> OpenUserSessionAsync(CancellationToken stop) => OpenSessionAsync(pinned: false, null, stop);

    private async Task<NpgsqlConnection> OpenSessionAsync(bool pinned, int? seconds, CancellationToken stop)
    {
        try
        {
            return _addresses is null ? await OpenAsync(_sessions, pinned, seconds, stop)
                : (await OpenCoordinatorSessionAsync(_addresses, pinned, stop)).Session;
        }
        catch (ObjectDisposedException e)
        {
            throw new CitusException("CitusDisconnected", CitusErrorKind.ConnectionError,
                $"The connection '{Name}' has been closed.", "Connect again with Connect-CitusCluster.", e) { Target = Name };
        }
    }

    /// <summary>
    /// The same connection with sessions that all lead to the primary of the cluster's coordinator, wherever this one
    /// leads: behind a balanced address, every session may be on another node.
    /// </summary>
    /// <param name="addresses">Maps the nodes' own names to addresses that this machine can reach.</param>
    /// <exception cref="CitusException">The coordinator can't be reached.</exception>
    internal async Task<CitusConnection> AtCoordinatorAsync(Func<string, int, (string Host, int Port)> addresses, CancellationToken stop)
    {
        if (_addresses is not null) return this;
        (NpgsqlConnection session, string id) = await OpenCoordinatorSessionAsync(addresses, pinned: true, stop);
        await session.DisposeAsync();
        return new CitusConnection(this, addresses, id);
    }

    /// <summary>The identifier of the coordinator's database cluster; only of a connection from <see cref="AtCoordinatorAsync"/>.</summary>
    internal string CoordinatorId => _coordinatorId ?? throw new InvalidOperationException("Not a connection to the coordinator.");

    private async Task<(NpgsqlConnection Session, string Id)> OpenCoordinatorSessionAsync(
        Func<string, int, (string Host, int Port)> addresses, bool pinned, CancellationToken stop)
    {
        NpgsqlConnection session = await OpenAsync(_coordinatorAddress is { } known ? Node(known.Host, known.Port) : _sessions, pinned,
            null, stop);
        try
        {
            CoordinatorFacts here = await CoordinatorFacts.ReadAsync(session, CitusVersion is not null, stop);
            if (here.IsCoordinator) return (session, Checked(here.SystemIdentifier));
            await session.DisposeAsync();
            string where = here.IsInRecovery ? "a standby" : $"a worker (group {here.GroupId})";
            if (here.Coordinator is not { } registered)
                throw NoCoordinator(where, "the cluster's metadata (pg_dist_node) do not name the coordinator", null);
            (string host, int port) = addresses(registered.Host, registered.Port);
            try
            {
                session = await OpenAsync(Node(host, port), pinned, null, stop);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException && !stop.IsCancellationRequested)
            {
                throw NoCoordinator(where, $"the coordinator {host}:{port} can't be reached from here: {e.Message.TrimEnd('.')}", e);
            }
            CoordinatorFacts there = await CoordinatorFacts.ReadAsync(session, CitusVersion is not null, stop);
            if (!there.IsCoordinator)
                throw NoCoordinator(where, $"{host}:{port}, which its metadata name as the coordinator, "
                    + $"is {(there.IsInRecovery ? "a standby" : $"a worker (group {there.GroupId})")} too", null);
            _coordinatorAddress = (host, port);
            return (session, Checked(there.SystemIdentifier));
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }

        string Checked(string id) => _coordinatorId is null || id == _coordinatorId ? id : throw new CitusException(
            "CitusCoordinatorChanged", CitusErrorKind.InvalidOperation,
            $"The connection '{Name}' led to one coordinator when the command began, and now leads to another, of a different cluster.",
            "See where its address leads, and begin again.") { Target = Name };

        CitusException NoCoordinator(string where, string why, Exception? cause) =>
            new("CitusCoordinatorNotReached", CitusErrorKind.ConnectionError,
            $"The ledger of imports is on the cluster's coordinator. The connection '{Name}' leads to {where}, and {why}.",
            "Connect to the coordinator itself (on Azure Elastic Clusters: port 5432), or map its address with -NodeAddress.", cause)
                { Target = Name };
    }

    /// <summary>Borrows a session to a node of the cluster, with the same user and secret, pinned to <c>pg_catalog</c>.</summary>
    internal Task<NpgsqlConnection> OpenNodeSessionAsync(string host, int port, CancellationToken stop, int? seconds = null) =>
        OpenAsync(Node(host, port), pinned: true, seconds, stop);

    /// <summary>Borrows a session to a node with the user's own search path, for rows that a table's own code may look at.</summary>
    internal Task<NpgsqlConnection> OpenUserNodeSessionAsync(string host, int port, CancellationToken stop) =>
        OpenAsync(Node(host, port), pinned: false, null, stop);

    /// <summary>The settings of sessions to a node: what is safe without TLS on this machine is not safe on the way to another.</summary>
    internal NpgsqlConnectionStringBuilder NodeSettings(string host, int port) => new(_settings.ConnectionString)
    {
        Host = host, Port = port, MaxPoolSize = 1000,
        SslMode = _isSslModeByHost ? ConnectionRequest.DefaultSslMode(host) : _settings.SslMode,
    };

    /// <summary>The same server, database, user and secret for a program of PostgreSQL's, as variables of its environment.</summary>
    internal async Task<IReadOnlyDictionary<string, string?>> LibpqEnvironmentAsync(CancellationToken stop) =>
        LibpqEnvironment.Of(_settings, _tokens is null ? _settings.Password : await _tokens.GetAsync(stop), Database, UserName);

    private NpgsqlDataSource Node(string host, int port) =>
        _nodes.GetOrAdd((host, port), key => Source(NodeSettings(key.Host, key.Port), _tokens, unmapped: false));

    /// <summary>A session to a node, or null where this machine does not reach it: that is tried once, and for a second.</summary>
    internal async Task<NpgsqlConnection?> TryOpenNodeSessionAsync(string host, int port, CancellationToken stop)
    {
        if (_outOfReach.ContainsKey((host, port))) return null;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(1));
        try
        {
            return await OpenNodeSessionAsync(host, port, patience.Token, seconds: 2);
        }
        catch (Exception e) when (!stop.IsCancellationRequested
            && e is NpgsqlException or OperationCanceledException or TimeoutException or System.Net.Sockets.SocketException)
        {
            _outOfReach.TryAdd((host, port), true);
            return null;
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(NpgsqlDataSource source, bool pinned, int? seconds, CancellationToken stop)
    {
        NpgsqlConnection session = await OpenAsync(source, stop);
        if (!pinned) return session;
        try
        {
            return await PinAsync(session, seconds, stop);
        }
        catch (NpgsqlException e) when (PostgresErrors.IsNetwork(e) && !stop.IsCancellationRequested)
        {
            // A pooled session may be one to a server that has been restarted since; the next is a new one.
            NpgsqlConnection.ClearPool(session);
            return await PinAsync(await OpenAsync(source, stop), seconds, stop);
        }
    }

    /// <param name="seconds">How long a pooled session's server may take; null gives it as long as opening a session.</param>
    private async Task<NpgsqlConnection> PinAsync(NpgsqlConnection session, int? seconds, CancellationToken stop)
    {
        try
        {
            await SearchPath.PinAsync(session, stop, timeout: seconds ?? _settings.Timeout);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(NpgsqlDataSource source, CancellationToken stop)
    {
        try
        {
            return await source.OpenConnectionAsync(stop);
        }
        catch (PostgresException e)
            when (_tokens is not null
                && e.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification)
        {
            // It was revoked, or tells nobody when it expires.
            _tokens!.Forget();
            return await source.OpenConnectionAsync(stop);
        }
    }

    private static NpgsqlDataSource Source(NpgsqlConnectionStringBuilder settings, AccessTokens? tokens, bool unmapped)
    {
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        if (unmapped) builder.EnableUnmappedTypes();
        if (tokens is not null)
            builder.UsePasswordProvider(_ => tokens.GetAsync(default).AsTask().GetAwaiter().GetResult(),
                (_, stop) => tokens.GetAsync(stop));
        return builder.Build();
    }

    public override string ToString() => Name;

    public async ValueTask DisposeAsync()
    {
        await _sessions.DisposeAsync();
        foreach (NpgsqlDataSource node in _nodes.Values) await node.DisposeAsync();
        _tokens?.Dispose();
    }

    private static CitusException Refused(Exception e, string shown, NpgsqlConnectionStringBuilder settings)
    {
        string what = $"No connection to {shown} as {settings.Username ?? Environment.UserName}: ";
        if (e is PostgresException server)
        {
            CitusException known = PostgresErrors.Describe(e, shown);
            return new CitusException(known.ErrorId, known.Kind, what + known.What, known.Advice, e) { Target = shown,
                SqlState = server.SqlState };
        }
        if (e is CitusException || e.InnerException is CitusException) return PostgresErrors.Describe(e, shown);
        Exception cause = e.InnerException ?? e;
        string advice = cause is System.Security.Authentication.AuthenticationException
            ? "The server's TLS certificate could not be verified; give its root with $env:PGSSLROOTCERT, "
                + "or choose another -SslMode if you trust the network."
            : cause is FileNotFoundException or DirectoryNotFoundException
            ? "A file of the connection's is not there: $env:PGPASSFILE, PGSSLROOTCERT, PGSSLCERT and PGSSLKEY name them. "
                + "Fix or unset the variable; a password can be given by -Credential too."
            // Npgsql's own words: the server has asked for a password, and nothing has one.
            : cause is NpgsqlException && cause.Message.StartsWith("No password", StringComparison.Ordinal)
            ? "Give it with -Credential, $env:PGPASSWORD or .pgpass."
            : settings.SslMode > Npgsql.SslMode.Prefer && cause is NpgsqlException or NotSupportedException
                ? "The server may not speak TLS: on a network you trust, -SslMode Disable connects without it."
                : "Check the host and port, that the server listens there, and that no firewall blocks the connection; "
                    + "Start-CitusSandbox starts a local one to try things on.";
        return new CitusException("CitusConnectionFailed", CitusErrorKind.ConnectionError,
            $"{what}{cause.Message.TrimEnd('.')}.", advice, e) { Target = shown };
    }

    private sealed record ServerFacts(string Database, string UserName, Version ServerVersion, string? CitusVersion, string Engine)
    {
        public static async Task<ServerFacts> ReadAsync(NpgsqlConnection session, CancellationToken stop)
        {
            // citus_version() exists where the extension, or the sandbox's stand-in for it, does.
            await using var command = new NpgsqlCommand("""
                SELECT pg_catalog.current_database(), current_user::text, pg_catalog.to_regproc('pg_catalog.citus_version') IS NOT NULL
                """, session);
            await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
            await row.ReadAsync(stop);
            (string database, string user, bool hasCitus) = (row.GetString(0), row.GetString(1), row.GetBoolean(2));
            await row.DisposeAsync();
            if (!hasCitus) return new ServerFacts(database, user, session.PostgreSqlVersion, null, "PostgreSQL");

            command.CommandText = "SELECT pg_catalog.citus_version()";
            string text = (string)(await command.ExecuteScalarAsync(stop))!;
            string engine = text.StartsWith("Citus stand-in", StringComparison.Ordinal) ? "Citus stand-in" : "Citus";
            return new ServerFacts(database, user, session.PostgreSqlVersion, text[engine.Length..].TrimStart().Split(' ', 2)[0], engine);
        }
    }
}
