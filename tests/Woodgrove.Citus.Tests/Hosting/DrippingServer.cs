using System.Globalization;
using System.Net;
using System.Text;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>A web server whose CSV takes its time, so that a test can act, or look, in the middle of a load.</summary>
internal sealed class DrippingServer : IDisposable
{
    private const int RowsAtOnce = 1000;
    private static readonly byte[] Header = "id,user_id,note\n"u8.ToArray();
    private readonly HttpListener _listener = new();
    private readonly CancellationTokenSource _end = new();

    /// <param name="times">How often it sends a thousand rows, 10 ms apart; without end unless given.</param>
    /// <param name="break">Cuts the connection after the first rows.</param>
    public DrippingServer(int times = int.MaxValue, bool @break = false)
    {
        Address = $"http://127.0.0.1:{Repository.FreePort()}/rows.csv";
        _listener.Prefixes.Add(Address[..^"rows.csv".Length]);
        _listener.Start();
        _ = ServeAsync(times, @break);
    }

    public string Address { get; }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Close();
    }

    private async Task ServeAsync(int times, bool cut)
    {
        try
        {
            HttpListenerContext context = await _listener.GetContextAsync();
            context.Response.ContentLength64 = Header.Length + (long)times * Rows(0).Length;
            Stream body = context.Response.OutputStream;
            await body.WriteAsync(Header);
            for (int time = 0; time < times; time++)
            {
                await body.WriteAsync(Rows(time), _end.Token);
                await Task.Delay(10, _end.Token);
                if (!cut || time < 5) continue;
                context.Response.Abort();
                // Whoever asks for the rest is told that there is none.
                while (true)
                {
                    HttpListenerContext again = await _listener.GetContextAsync();
                    again.Response.StatusCode = 503;
                    again.Response.Close();
                }
            }
            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client is gone, or the test is over.
        }
    }

    /// <summary>Rows of the same length each time.</summary>
    private static byte[] Rows(int time)
    {
        var rows = new StringBuilder();
        for (int i = 0; i < RowsAtOnce; i++)
            rows.Append(CultureInfo.InvariantCulture, $"{(long)time * RowsAtOnce + i:D13},{i % 50},some text to fill the row\n");
        return Encoding.ASCII.GetBytes(rows.ToString());
    }
}
