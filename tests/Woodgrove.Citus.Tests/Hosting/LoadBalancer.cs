using System.Net;
using System.Net.Sockets;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>A port, or a Unix socket, where each connection reaches the next of several servers.</summary>
internal sealed class LoadBalancer : IDisposable
{
    private readonly Socket _listener;
    private int[] _targets = [];
    private int _connections;

    /// <param name="socketPath">The path of a Unix socket, or null for a port of loopback.</param>
    public LoadBalancer(IEnumerable<int> targets, string? socketPath = null)
    {
        LeadTo([.. targets]);
        _listener = socketPath is null ? new Socket(SocketType.Stream, ProtocolType.Tcp)
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(socketPath is null ? new IPEndPoint(IPAddress.Loopback, 0) : new UnixDomainSocketEndPoint(socketPath));
        _listener.Listen(512);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Chooses the server of each connection, or null where they take turns.</summary>
    public Random? Chance { get; init; }

    /// <summary>The connections that it has accepted.</summary>
    public int Connections => _connections;

    /// <summary>Leads new connections to other servers.</summary>
    public void LeadTo(params int[] targets) => _targets = targets;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync();
                int[] targets = _targets;
                int turn = _connections++;
                _ = ServeAsync(client, targets[Chance?.Next(targets.Length) ?? turn % targets.Length]);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static async Task ServeAsync(Socket client, int target)
    {
        using Socket from = client;
        using var to = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (from.AddressFamily != AddressFamily.Unix) from.NoDelay = true;
            await to.ConnectAsync(IPAddress.Loopback, target);
            await Task.WhenAny(PipeAsync(from, to), PipeAsync(to, from));
        }
        catch (SocketException)
        {
            // The server is away.
        }
    }

    private static async Task PipeAsync(Socket from, Socket to)
    {
        try
        {
            byte[] buffer = new byte[64 * 1024];
            for (int count; (count = await from.ReceiveAsync(buffer)) > 0;)
            {
                for (ReadOnlyMemory<byte> bytes = buffer.AsMemory(0, count); bytes.Length > 0;) bytes = bytes[await to.SendAsync(bytes)..];
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One side is gone, so the other goes too.
        }
    }
}
