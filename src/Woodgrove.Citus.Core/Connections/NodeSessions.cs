using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// Sessions to the nodes of a cluster, with the user and secret of its connection: to the node's own address where this
/// machine reaches it, else through the load-balanced port, where the connection has one.
/// </summary>
internal sealed class NodeSessions : IAsyncDisposable
{
    private readonly NpgsqlConnectionStringBuilder _settings;
    private readonly bool _isSslModeByHost; // the user chose none
    private readonly AccessTokens? _tokens;
    private readonly ConcurrentDictionary<NodeName, SessionPool> _pools = []; // by address
    private readonly ConcurrentDictionary<(NodeName Node, NodeName Address), bool> _reached = []; // once it was tried
    private readonly SessionPool? _balanced;
    private readonly NodeDialer? _dialer;

    public NodeSessions(NpgsqlConnectionStringBuilder settings, bool isSslModeByHost, AccessTokens? tokens, int? loadBalancedPort)
    {
        (_settings, _isSslModeByHost, _tokens) = (settings, isSslModeByHost, tokens);
        if (loadBalancedPort is not { } port) return;
        _balanced = new SessionPool(BalancedSettings(port), tokens, unmapped: true);
        _dialer = new NodeDialer(_balanced.OpenAsync, _balanced.Clear,
            string.Create(CultureInfo.InvariantCulture, $"{settings.Host}:{port}"));
    }

    /// <summary>True where nodes are found whose own addresses can't be reached.</summary>
    public bool HasLoadBalancedPort => _dialer is not null;

    /// <summary>True of a node that can't be reached at its address, where there is no other way to it.</summary>
    public bool IsOutOfReach(NodeName node, NodeName address) =>
        _dialer is null && _reached.TryGetValue((node, address), out bool reached) && !reached;

    public void NoteOutOfReach(NodeName node, NodeName address)
    {
        if (_dialer is null) _reached[(node, address)] = false;
    }

    /// <summary>A session to the coordinator through the load-balanced port.</summary>
    public Task<NpgsqlConnection> DialCoordinatorAsync(CancellationToken stop) => _dialer!.OpenAsync(null, stop);

    /// <summary>A session to a node.</summary>
    /// <param name="address">Where this machine may reach it.</param>
    public async Task<NpgsqlConnection> OpenAsync(NodeName node, NodeName address, CancellationToken stop)
    {
        if (_dialer is null) return await OpenDirectAsync(address, stop);
        bool isTried = _reached.TryGetValue((node, address), out bool reached);
        if ((reached || !isTried) && await TryReachAsync(node, address, reached, stop) is { } direct) return direct;
        try
        {
            return await _dialer.OpenAsync(node, stop);
        }
        catch (NpgsqlException)
        {
            _reached.TryRemove((node, address), out _); // the node itself may have been away
            throw;
        }
    }

    /// <summary>
    /// The settings of sessions to a node's own address. Without a choice of the user's, TLS is as strict as the connection's and
    /// as the address needs: what is safe without TLS on this machine is not safe on the way to another, and a password that only a
    /// verified server gets is not for whoever answers at a private address.
    /// </summary>
    internal NpgsqlConnectionStringBuilder AddressSettings(NodeName address) => new(_settings.ConnectionString)
    {
        Host = address.Host, Port = address.Port, MaxPoolSize = 1000,
        // The modes are in order, from Disable to VerifyFull.
        SslMode = !_isSslModeByHost ? _settings.SslMode
            : (SslMode)Math.Max((int)_settings.SslMode, (int)ConnectionRequest.DefaultSslMode(address.Host)),
    };

    /// <summary>The settings of sessions through the load-balanced port, which is one of the connection's own host.</summary>
    internal NpgsqlConnectionStringBuilder BalancedSettings(int port) => new(_settings.ConnectionString)
    {
        Port = port, MaxPoolSize = 1000, ConnectionIdleLifetime = 60,
        Timeout = _settings.Timeout is > 0 and < NodeDialer.SecondsToAnswer ? _settings.Timeout : NodeDialer.SecondsToAnswer,
        // A cancel request would reach any node, so the server is to notice that its client has gone.
        Options = $"{_settings.Options} -c client_connection_check_interval=1s".TrimStart(),
    };

    public async ValueTask DisposeAsync()
    {
        if (_balanced is not null) await _balanced.DisposeAsync();
        foreach (SessionPool pool in _pools.Values) await pool.DisposeAsync();
    }

    private SessionPool Pool(NodeName address) => _pools.GetOrAdd(address, key => new SessionPool(AddressSettings(key), _tokens));

    private async Task<NpgsqlConnection> OpenDirectAsync(NodeName address, CancellationToken stop)
    {
        try
        {
            return await Pool(address).OpenAsync(stop);
        }
        catch (NpgsqlException e) when (e.InnerException is AuthenticationException untrusted)
        {
            throw ConnectionErrors.NodeNotVerified(address, AddressSettings(address).SslMode, untrusted);
        }
    }

    /// <summary>
    /// A session to a node's own address, or null where it can't be reached. In a private network the same address may be
    /// another server's, or become it, so whoever answers is asked each time which node it is.
    /// </summary>
    /// <param name="isReached">False of the first try, which is given a second.</param>
    private async Task<NpgsqlConnection?> TryReachAsync(NodeName node, NodeName address, bool isReached, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (!isReached) patience.CancelAfter(TimeSpan.FromSeconds(1));
        NodeIdentity? there = null;
        try
        {
            NpgsqlConnection session = await SessionPool.AnsweringAsync(token => OpenDirectAsync(address, token),
                async opened => there = await NodeIdentity.ReadAsync(opened, patience.Token), patience.Token);
            if (there!.Is(node))
            {
                _reached[(node, address)] = true;
                return session;
            }
            await session.DisposeAsync();
        }
        catch (Exception e) when (!stop.IsCancellationRequested && (PostgresErrors.IsUnreached(e)
            || (!isReached && e is NpgsqlException or OperationCanceledException or SocketException)))
        {
            // The load-balanced port leads there.
        }
        // A try that ends later than one that succeeded does not undo it.
        if (isReached) _reached.TryRemove((node, address), out _);
        else _reached.TryAdd((node, address), false);
        return null;
    }
}
