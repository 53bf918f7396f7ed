using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>Where a statement is when the network is cut.</summary>
public enum CutMoment
{
    /// <summary>It never reaches the server.</summary>
    Before,

    /// <summary>The server carries it out, and its answer is lost.</summary>
    After,

    /// <summary>The client gives the connection up, and the server gets it later, when the test says so.</summary>
    Late,

    /// <summary>Both sides keep the connection, and the server gets it when the test says so.</summary>
    Held,
}

/// <summary>The network between a client and a server, which a test can cut.</summary>
internal sealed class TcpProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private int _target;
    private readonly List<(Socket Client, Socket Server)> _connections = [];
    private readonly TaskCompletionSource _release = new();
    private readonly TaskCompletionSource _held = new();
    private (byte[] Sql, int Skip, CutMoment Moment, int Times)? _trap;
    private DateTime _downUntil;

    public TcpProxy(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How often it was cut.</summary>
    public int Cuts { get; private set; }

    /// <summary>Leads new connections to another server.</summary>
    public void Redirect(int target) => _target = target;

    /// <summary>Resets all connections, and lets no new one through for a while.</summary>
    public void Cut(TimeSpan downFor)
    {
        lock (_connections)
        {
            Cuts++;
            _downUntil = DateTime.UtcNow + downFor;
            foreach ((Socket client, Socket server) in _connections)
            {
                client.Close(0);
                server.Close(0);
            }
            _connections.Clear();
        }
    }

    /// <summary>
    /// Cuts the one connection that sends a statement, once some others of its kind have passed, and so many of those
    /// after it.
    /// </summary>
    public void CutAt(string sql, int skip, CutMoment moment, int times = 1)
    {
        lock (_connections) _trap = (Encoding.UTF8.GetBytes(sql), skip, moment, times);
    }

    /// <summary>Ends when a statement is held back.</summary>
    public Task Held => _held.Task;

    /// <summary>Lets the server have what a late cut, or a hold, held back.</summary>
    public void Release() => _release.TrySetResult();

    public void Dispose()
    {
        _listener.Stop();
        Release();
        Cut(TimeSpan.FromDays(1));
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        try
        {
            if (DateTime.UtcNow < _downUntil) throw new IOException("The network is down.");
            await server.ConnectAsync(IPAddress.Loopback, _target);
            lock (_connections) _connections.Add((client, server));
            await Task.WhenAll(SendAsync(client, server), ReceiveAsync(server, client));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            // One side is gone, so the other goes too.
        }
        lock (_connections) _connections.Remove((client, server));
        client.Close(0);
        server.Close(0);
    }

    private async Task SendAsync(Socket client, Socket server)
    {
        byte[] buffer = new byte[64 * 1024];
        for (int count; (count = await client.ReceiveAsync(buffer)) > 0;)
        {
            ReadOnlyMemory<byte> bytes = buffer.AsMemory(0, count);
            CutMoment? moment = Trapped(bytes.Span);
            if (moment == CutMoment.Held)
            {
                _held.TrySetResult();
                await _release.Task;
            }
            else if (moment is not null)
            {
                lock (_connections) _connections.Remove((client, server)); // a later cut leaves the server's side alone
                client.Close(0);
                if (moment == CutMoment.Before) server.Close(0);
                if (moment == CutMoment.Late) await _release.Task;
                await server.SendAsync(bytes);
                break;
            }
            while (bytes.Length > 0) bytes = bytes[await server.SendAsync(bytes)..];
        }
        server.Shutdown(SocketShutdown.Send);
    }

    private static async Task ReceiveAsync(Socket server, Socket client)
    {
        byte[] buffer = new byte[64 * 1024];
        for (int count; (count = await server.ReceiveAsync(buffer)) > 0;)
        {
            try
            {
                for (ReadOnlyMemory<byte> bytes = buffer.AsMemory(0, count); bytes.Length > 0;)
                    bytes = bytes[await client.SendAsync(bytes)..];
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Nobody reads the answer; the server finishes all the same.
            }
        }
        client.Close(0);
    }

    private CutMoment? Trapped(ReadOnlySpan<byte> bytes)
    {
        lock (_connections)
        {
            if (_trap is not var (sql, skip, moment, times) || bytes.IndexOf(sql) < 0) return null;
            _trap = skip > 0 ? (sql, skip - 1, moment, times) : times > 1 ? (sql, 0, moment, times - 1) : null;
            if (skip > 0) return null;
            Cuts++;
            return moment;
        }
    }
}
