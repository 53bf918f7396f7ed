using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>A web server whose CSV never ends by itself, so that a test can act in the middle of a load.</summary>
internal sealed class DrippingServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly CancellationTokenSource _end = new();

    /// <param name="break">Cuts the connection after the first rows.</param>
    public DrippingServer(bool @break = false)
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        Address = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/rows.csv";
        probe.Stop();
        _listener.Prefixes.Add(Address[..^"rows.csv".Length]);
        _listener.Start();
        _ = ServeAsync(@break);
    }

    public string Address { get; }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Close();
    }

    private async Task ServeAsync(bool cut)
    {
        try
        {
            HttpListenerContext context = await _listener.GetContextAsync();
            context.Response.ContentLength64 = 1L << 40;
            Stream body = context.Response.OutputStream;
            await body.WriteAsync("id,user_id,note\n"u8.ToArray());
            for (long id = 1; !_end.IsCancellationRequested; id += 1000)
            {
                var rows = new StringBuilder();
                for (long i = id; i < id + 1000; i++) rows.Append(i).Append(',').Append(i % 50).Append(",some text to fill the row\n");
                await body.WriteAsync(Encoding.ASCII.GetBytes(rows.ToString()), _end.Token);
                await Task.Delay(10, _end.Token);
                if (!cut || id < 5_000) continue;
                context.Response.Abort();
                // Whoever asks for the rest is told that there is none.
                HttpListenerContext again = await _listener.GetContextAsync();
                again.Response.StatusCode = 503;
                again.Response.Close();
                return;
            }
        }
        catch (Exception e) when (e is HttpListenerException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client is gone, or the test is over.
        }
    }
}
