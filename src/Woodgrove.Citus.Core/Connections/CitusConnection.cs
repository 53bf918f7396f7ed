using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// A cluster that one is connected to: what it is, and the sessions to it and to its nodes. No member gives the secret out.
/// </summary>
public sealed class CitusConnection : IAsyncDisposable
{
    private readonly SessionPool _sessions;
    private readonly NpgsqlConnectionStringBuilder _settings;
    private readonly NodeSessions _nodes;
    private readonly NodeAddresses _addresses;
    private readonly AccessTokens? _tokens;
    private readonly string? _coordinatorId; // of a view of the coordinator
    private NodeName? _coordinator; // where the address leads to another node

    private CitusConnection(SessionPool sessions, NpgsqlConnectionStringBuilder settings, NodeSessions nodes, AccessTokens? tokens,
        ConnectionRequest request, string name, ServerFacts facts)
    {
        (_sessions, _settings, _nodes, _tokens) = (sessions, settings, nodes, tokens);
        _addresses = new NodeAddresses(request.NodeAddress);
        Name = name;
        Server = settings.Host!;
        Port = settings.Port;
        LoadBalancedPort = facts.CitusVersion is null ? null : request.LoadBalancedPortFor(settings);
        Database = facts.Database;
        UserName = facts.UserName;
        ServerVersion = facts.ServerVersion;
        CitusVersion = facts.CitusVersion;
        Engine = facts.Engine;
        SslMode = settings.SslMode.ToString();
    }

    /// <summary>A view of a connection; it shares the pools and is not disposed.</summary>
    private CitusConnection(CitusConnection other, NodeAddresses addresses, string? coordinatorId)
    {
        (_sessions, _settings, _nodes, _tokens) = (other._sessions, other._settings, other._nodes, other._tokens);
        (Name, Server, Port, LoadBalancedPort) = (other.Name, other.Server, other.Port, other.LoadBalancedPort);
        (Database, UserName, AsksDefault) = (other.Database, other.UserName, other.AsksDefault);
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

    /// <summary>
    /// A port of <see cref="Server"/> where each connection reaches some node of the cluster, or null. If it is
    /// <see cref="Port"/>, the connection's sessions are those that reach the coordinator.
    /// </summary>
    public int? LoadBalancedPort { get; }

    public string Database { get; }
    public string UserName { get; }

    /// <summary>PostgreSQL's version, such as 15.14.</summary>
    public Version ServerVersion { get; }

    /// <summary>The version of Citus, such as 13.2.2, or null where the database has no Citus.</summary>
    public string? CitusVersion { get; }

    /// <summary>Citus, Citus stand-in (the sandbox on a machine without Citus) or PostgreSQL.</summary>
    public string Engine { get; }

    /// <summary>True of real Citus, not of the stand-in and not of plain PostgreSQL.</summary>
    internal bool IsCitus => Engine == ServerFacts.CitusName;

    /// <summary>
    /// The TLS mode of sessions to <see cref="Server"/>; those to the nodes have the same or, if the user chose none, a stricter one
    /// that their own host needs.
    /// </summary>
    public string SslMode { get; }

    /// <summary>Connects, and asks the server what it is.</summary>
    /// <exception cref="CitusException">No connection could be opened; the message says what to try.</exception>
    public static async Task<CitusConnection> OpenAsync(ConnectionRequest request, string? name, CancellationToken stop)
    {
        NpgsqlConnectionStringBuilder settings = request.Resolve(out bool isSslModeByHost);
        string shown = $"{settings.Host}:{settings.Port}/{settings.Database}";
        AccessTokens? tokens = request.FetchToken is null ? null : new AccessTokens(request.FetchToken);
        var sessions = new SessionPool(settings, tokens, unmapped: true);
        var nodes = new NodeSessions(settings, isSslModeByHost, tokens, request.LoadBalancedPortFor(settings));
        try
        {
            await using NpgsqlConnection session = await sessions.OpenAsync(stop);
            return new CitusConnection(sessions, settings, nodes, tokens, request, name ?? shown,
                await ServerFacts.ReadAsync(session, stop));
        }
        catch (Exception e)
        {
            await sessions.DisposeAsync();
            await nodes.DisposeAsync();
            if (e is OperationCanceledException && stop.IsCancellationRequested) throw;
            throw ConnectionErrors.NotConnected(e, shown, settings);
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
    /// Ends a session, so that the pool does not lend it again: Citus 13.2 crashes the server where a shard is split by logical
    /// replication in a session in which a move by logical replication was cancelled.
    /// </summary>
    internal static Task EndAsync(NpgsqlConnection session) =>
        TidyAsync(session, "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())");

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
            return _coordinatorId is null ? await OpenOwnSessionAsync(pinned, seconds, stop)
                : (await OpenCoordinatorSessionAsync(pinned, stop)).Session;
        }
        catch (ObjectDisposedException e)
        {
            throw ConnectionErrors.Closed(Name, e);
        }
    }

    /// <summary>A session to where the connection leads.</summary>
    private Task<NpgsqlConnection> OpenOwnSessionAsync(bool pinned, int? seconds, CancellationToken stop) =>
        OpenAsync(Port == LoadBalancedPort ? _nodes.DialCoordinatorAsync : _sessions.OpenAsync, pinned, seconds, stop);

    /// <summary>The same connection with further addresses of nodes, which come before those that it has.</summary>
    /// <param name="map">Name, or name:port, to host, or host:port.</param>
    public CitusConnection WithNodeAddress(IReadOnlyDictionary<string, string> map) =>
        map.Count == 0 ? this : new(this, _addresses.With(map), _coordinatorId);

    /// <summary>
    /// The same connection with sessions that all lead to the primary of the cluster's coordinator, wherever this one
    /// leads: behind a balanced address, every session may be on another node.
    /// </summary>
    /// <exception cref="CitusException">The coordinator can't be reached.</exception>
    internal async Task<CitusConnection> AtCoordinatorAsync(CancellationToken stop)
    {
        if (_coordinatorId is not null) return this;
        (NpgsqlConnection session, string id) = await OpenCoordinatorSessionAsync(pinned: true, stop);
        await session.DisposeAsync();
        return new CitusConnection(this, _addresses, id);
    }

    /// <summary>The identifier of the coordinator's database cluster; only of a connection from <see cref="AtCoordinatorAsync"/>.</summary>
    internal string CoordinatorId => _coordinatorId ?? throw new InvalidOperationException("Not a connection to the coordinator.");

    private async Task<(NpgsqlConnection Session, string Id)> OpenCoordinatorSessionAsync(bool pinned, CancellationToken stop)
    {
        NpgsqlConnection session = await OpenKnownCoordinatorAsync(pinned, stop) ?? await OpenOwnSessionAsync(pinned, null, stop);
        try
        {
            CoordinatorFacts here = await CoordinatorFacts.ReadAsync(session, CitusVersion is not null, stop);
            if (here.IsCoordinator) return (session, Checked(here.SystemIdentifier));
            await session.DisposeAsync();
            string where = here.IsInRecovery ? "a standby" : $"a worker (group {here.GroupId})";
            if (here.Coordinator is not { } registered)
                throw NoCoordinator(where, "the cluster's metadata (pg_dist_node) do not name the coordinator");
            NodeName address = _addresses.Resolve(registered);
            try
            {
                session = await OpenNodeAsync(registered, pinned, null, stop);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException && !stop.IsCancellationRequested)
            {
                throw NoCoordinator(where, $"the coordinator {address} can't be reached from here: {e.Message.TrimEnd('.')}", e);
            }
            CoordinatorFacts there = await CoordinatorFacts.ReadAsync(session, CitusVersion is not null, stop);
            if (!there.IsCoordinator)
                throw NoCoordinator(where, $"{address}, which its metadata name as the coordinator, "
                    + $"is {(there.IsInRecovery ? "a standby" : $"a worker (group {there.GroupId})")} too");
            _coordinator = registered;
            return (session, Checked(there.SystemIdentifier));
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }

        string Checked(string id) => _coordinatorId is null || id == _coordinatorId ? id : throw ConnectionErrors.CoordinatorChanged(Name);

        CitusException NoCoordinator(string where, string why, Exception? cause = null) =>
            ConnectionErrors.NoCoordinator(Name, where, why, ReachAdvice(cause), cause);
    }

    /// <summary>A session to where another one has found the coordinator, or null where none has, or it is away from there.</summary>
    private async Task<NpgsqlConnection?> OpenKnownCoordinatorAsync(bool pinned, CancellationToken stop)
    {
        if (_coordinator is not { } known) return null;
        try
        {
            return await OpenNodeAsync(known, pinned, null, stop);
        }
        catch (Exception e) when (!stop.IsCancellationRequested && PostgresErrors.IsUnreached(e))
        {
            _coordinator = null; // its standby may have another address
            return null;
        }
    }

    /// <summary>How nodes that this machine does not reach can be reached.</summary>
    /// <param name="failure">Why they are not reached.</param>
    internal string ReachAdvice(Exception? failure) => ConnectionErrors.ReachAdvice(_nodes.HasLoadBalancedPort, failure);

    /// <summary>How long a session to a node may take; a search through the load-balanced port ends by itself.</summary>
    internal TimeSpan ReachPatience => _nodes.HasLoadBalancedPort ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(5);

    /// <summary>Where this machine may reach a node.</summary>
    internal NodeName AddressOf(NodeName node) => _addresses.Resolve(node);

    /// <summary>Borrows a session to a node of the cluster, with the same user and secret, pinned to <c>pg_catalog</c>.</summary>
    internal Task<NpgsqlConnection> OpenNodeSessionAsync(NodeName node, CancellationToken stop, int? seconds = null) =>
        OpenNodeAsync(node, pinned: true, seconds, stop);

    /// <summary>Another session to the node of a session.</summary>
    /// <param name="node">Default is where the connection leads.</param>
    internal Task<NpgsqlConnection> ReopenAsync(NodeName node, CancellationToken stop) =>
        node == default ? OpenSessionAsync(stop) : OpenNodeSessionAsync(node, stop);

    /// <summary>Borrows a session to a node with the user's own search path, for rows that a table's own code may look at.</summary>
    internal Task<NpgsqlConnection> OpenUserNodeSessionAsync(NodeName node, CancellationToken stop) =>
        OpenNodeAsync(node, pinned: false, null, stop);

    /// <summary>
    /// The server of a session, with the same database, user and secret, for a program of PostgreSQL's, as variables of its
    /// environment.
    /// </summary>
    /// <exception cref="CitusException">The session came through the load-balanced port, and a program would reach any node.</exception>
    internal async Task<IReadOnlyDictionary<string, string?>> LibpqEnvironmentAsync(string program, NpgsqlConnection session,
        CancellationToken stop)
    {
        if (IsBalanced(session)) throw ConnectionErrors.NoAddressOfCoordinator(Name, program, $"{Server}:{LoadBalancedPort}");
        var address = new NodeName(session.Host!, session.Port);
        NpgsqlConnectionStringBuilder settings = address == new NodeName(Server, Port) ? _settings : _nodes.AddressSettings(address);
        return LibpqEnvironment.Of(settings, program, _tokens is null ? settings.Password : await _tokens.GetAsync(stop), Database,
            UserName);
    }

    /// <summary>True of a session through the load-balanced port, behind which another connection may reach another node.</summary>
    internal bool IsBalanced(NpgsqlConnection session) => session.Port == LoadBalancedPort;

    /// <summary>A session to a node, or null where this machine does not reach it soon.</summary>
    internal async Task<NpgsqlConnection?> TryOpenNodeSessionAsync(NodeName node, CancellationToken stop)
    {
        NodeName address = AddressOf(node);
        if (_nodes.IsOutOfReach(node, address)) return null;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(_nodes.HasLoadBalancedPort ? 5 : 1));
        try
        {
            return await OpenNodeSessionAsync(node, patience.Token, seconds: 2);
        }
        catch (Exception e) when (!stop.IsCancellationRequested
            && e is NpgsqlException or OperationCanceledException or TimeoutException or System.Net.Sockets.SocketException)
        {
            _nodes.NoteOutOfReach(node, address);
            return null;
        }
    }

    private Task<NpgsqlConnection> OpenNodeAsync(NodeName node, bool pinned, int? seconds, CancellationToken stop) =>
        OpenAsync(token => _nodes.OpenAsync(node, AddressOf(node), token), pinned, seconds, stop);

    /// <param name="seconds">How long a pooled session's server may take; null gives it as long as opening a session.</param>
    private Task<NpgsqlConnection> OpenAsync(Func<CancellationToken, Task<NpgsqlConnection>> open, bool pinned, int? seconds,
        CancellationToken stop) =>
        SessionPool.AnsweringAsync(open, session => pinned ? SearchPath.PinAsync(session, stop, timeout: seconds ?? _settings.Timeout)
            : session.ExecuteAsync("SELECT 1", stop), stop);

    public override string ToString() => Name;

    public async ValueTask DisposeAsync()
    {
        await _sessions.DisposeAsync();
        await _nodes.DisposeAsync();
        _tokens?.Dispose();
    }
}
