using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using Npgsql;

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
    private readonly ConcurrentDictionary<NodeName, bool> _reached = []; // addresses, once they were tried
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

    /// <summary>True of an address that can't be reached, where there is no other way to its node.</summary>
    public bool IsOutOfReach(NodeName address) => _dialer is null && _reached.TryGetValue(address, out bool reached) && !reached;

    public void NoteOutOfReach(NodeName address)
    {
        if (_dialer is null) _reached[address] = false;
    }

    /// <summary>A session to the coordinator through the load-balanced port.</summary>
    public Task<NpgsqlConnection> DialCoordinatorAsync(CancellationToken stop) => _dialer!.OpenAsync(null, stop);

    /// <summary>A session to a node.</summary>
    /// <param name="address">Where this machine may reach it.</param>
    public async Task<NpgsqlConnection> OpenAsync(NodeName node, NodeName address, CancellationToken stop)
    {
        if (_dialer is null || (_reached.TryGetValue(address, out bool reached) && reached)) return await Pool(address).OpenAsync(stop);
        if (!_reached.ContainsKey(address) && await TryReachAsync(node, address, stop) is { } direct) return direct;
        try
        {
            return await _dialer.OpenAsync(node, stop);
        }
        catch (NpgsqlException)
        {
            _reached.TryRemove(address, out _); // the node itself may have been away
            throw;
        }
    }

    /// <summary>
    /// The settings of sessions to a node's own address: what is safe without TLS on this machine is not safe on the way to
    /// another.
    /// </summary>
    internal NpgsqlConnectionStringBuilder AddressSettings(NodeName address) => new(_settings.ConnectionString)
    {
        Host = address.Host, Port = address.Port, MaxPoolSize = 1000,
        SslMode = _isSslModeByHost ? ConnectionRequest.DefaultSslMode(address.Host) : _settings.SslMode,
    };

    /// <summary>The settings of sessions through the load-balanced port, which is one of the connection's own host.</summary>
    internal NpgsqlConnectionStringBuilder BalancedSettings(int port) => new(_settings.ConnectionString)
    {
        Port = port, MaxPoolSize = 1000, ConnectionIdleLifetime = 60,
        // A cancel request would reach any node, so the server is to notice that its client has gone.
        Options = $"{_settings.Options} -c client_connection_check_interval=1s".TrimStart(),
    };

    public async ValueTask DisposeAsync()
    {
        if (_balanced is not null) await _balanced.DisposeAsync();
        foreach (SessionPool pool in _pools.Values) await pool.DisposeAsync();
    }

    private SessionPool Pool(NodeName address) => _pools.GetOrAdd(address, key => new SessionPool(AddressSettings(key), _tokens));

    /// <summary>
    /// A session to a node's own address, or null where it can't be reached: that is tried once, and for a second. In a
    /// private network the same address may be another server's, so whoever answers is asked which node it is.
    /// </summary>
    private async Task<NpgsqlConnection?> TryReachAsync(NodeName node, NodeName address, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(1));
        NpgsqlConnection? session = null;
        try
        {
            session = await Pool(address).OpenAsync(patience.Token);
            if ((await NodeIdentity.ReadAsync(session, patience.Token)).Is(node))
            {
                _reached[address] = true;
                return session;
            }
        }
        catch (Exception e) when (!stop.IsCancellationRequested
            && e is NpgsqlException or OperationCanceledException or TimeoutException or SocketException)
        {
            // The load-balanced port leads there.
        }
        catch
        {
            if (session is not null) await session.DisposeAsync();
            throw;
        }
        if (session is not null) await session.DisposeAsync();
        _reached[address] = false;
        return null;
    }
}
