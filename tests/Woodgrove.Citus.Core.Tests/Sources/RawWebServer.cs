using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Woodgrove.Citus.Core.Tests.Sources;

/// <summary>A web server that sends exactly the bytes that a test gives it, right or wrong, and closes the connection.</summary>
internal sealed class RawWebServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Func<WebRequest, WebAnswer> _answer;

    /// <param name="answer">The answer to each request.</param>
    public RawWebServer(Func<WebRequest, WebAnswer> answer, string path = "rows.csv")
    {
        _answer = answer;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/{path}");
        _ = ServeAsync();
    }

    public Uri Address { get; }

    /// <summary>The requests that came.</summary>
    public ConcurrentQueue<WebRequest> Requests { get; } = new();

    public void Dispose()
    {
        _end.Cancel();
        _listener.Stop();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true) _ = AnswerAsync(await _listener.AcceptTcpClientAsync(_end.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        try
        {
            using TcpClient connection = client;
            NetworkStream stream = connection.GetStream();
            var request = new WebRequest(Requests.Count + 1, await HeadAsync(stream));
            Requests.Enqueue(request);
            WebAnswer answer = _answer(request);
            await stream.WriteAsync(answer.Bytes, _end.Token);
            await stream.FlushAsync(_end.Token);
            for (int at = 0; at < answer.Rest.Length; at++)
            {
                await Task.Delay(50, _end.Token);
                await stream.WriteAsync(answer.Rest.AsMemory(at, 1), _end.Token);
            }
            if (answer.ThenSilence) await Task.Delay(Timeout.Infinite, _end.Token);
            connection.Client.Shutdown(SocketShutdown.Send);
            // Until the client has read all; closed at once, what is on its way could be lost.
            while (await stream.ReadAsync(new byte[1024], _end.Token) > 0) { }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The client went away.
        }
    }

    private async Task<string> HeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            int count = await stream.ReadAsync(buffer, _end.Token);
            if (count == 0) break;
            head.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }
        return head.ToString();
    }
}

/// <summary>A request.</summary>
/// <param name="Number">From 1.</param>
internal sealed record WebRequest(int Number, string Head)
{
    /// <summary>The offset that a range request asks from; null where all is asked for.</summary>
    public int? From => Header("Range") is { } range ? int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture)
        : null;

    public string? Header(string name) =>
        Head.Split("\r\n").FirstOrDefault(l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim();
}

/// <summary>The bytes of an answer, and whether the connection then stays open without any.</summary>
internal sealed record WebAnswer(byte[] Bytes, bool ThenSilence = false)
{
    /// <summary>What is sent after the bytes, one of it every 50 ms.</summary>
    public byte[] Rest { get; init; } = [];

    /// <summary>The same, of which the body's end comes a byte every 50 ms.</summary>
    public WebAnswer DripAfter(int body) => CutAfter(body) with { Rest = Bytes[(Bytes.AsSpan().IndexOf("\r\n\r\n"u8) + 4 + body)..] };

    /// <summary>An answer whose length is that of its body unless the headers say another.</summary>
    public static WebAnswer Of(string status, byte[] body, params string[] headers)
    {
        IEnumerable<string> all = headers.Any(h => h.StartsWith("Content-Length", StringComparison.Ordinal)
            || h.StartsWith("Transfer-Encoding", StringComparison.Ordinal) || h == "")
            ? headers.Where(h => h.Length > 0) : [$"Content-Length: {body.Length}", .. headers];
        return new WebAnswer([.. Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\n{string.Concat(all.Select(h => h + "\r\n"))}Connection: "
            + "close\r\n\r\n"), .. body]);
    }

    /// <summary>The same, of which only the head and so many bytes of the body are sent.</summary>
    public WebAnswer CutAfter(int body) => this with { Bytes = Bytes[..(Bytes.AsSpan().IndexOf("\r\n\r\n"u8) + 4 + body)] };
}
