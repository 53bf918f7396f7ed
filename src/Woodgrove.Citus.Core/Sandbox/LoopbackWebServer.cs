using System.Net;

namespace Woodgrove.Citus.Sandbox;

/// <summary>Serves a folder's files over http on loopback, as the bank's web server would, ranges included.</summary>
public sealed class LoopbackWebServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly string _root;

    private LoopbackWebServer(string root, int port)
    {
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        Address = new Uri($"http://127.0.0.1:{port}/");
        _listener.Prefixes.Add(Address.ToString());
        _listener.Start();
    }

    public Uri Address { get; }

    public static LoopbackWebServer Start(string root)
    {
        var server = new LoopbackWebServer(root, PostgresServer.FreePort());
        _ = server.ServeAsync();
        return server;
    }

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        try
        {
            while (true) _ = AnswerAsync(await _listener.GetContextAsync());
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        using HttpListenerResponse response = context.Response;
        try
        {
            string path = Path.GetFullPath(Path.Combine(_root, Uri.UnescapeDataString(context.Request.Url!.AbsolutePath).TrimStart('/')));
            if (!path.StartsWith(_root + Path.DirectorySeparatorChar, StringComparison.Ordinal) || !File.Exists(path))
            {
                response.StatusCode = 404;
                return;
            }
            await using FileStream file = File.OpenRead(path);
            response.Headers["Accept-Ranges"] = "bytes";
            response.ContentType = "text/csv; charset=utf-8";
            if (context.Request.Headers["Range"] is { } range && range.StartsWith("bytes=", StringComparison.Ordinal)
                && long.TryParse(range[6..].TrimEnd('-'), out long start) && start < file.Length)
            {
                file.Position = start;
                response.StatusCode = 206;
                response.Headers["Content-Range"] = $"bytes {start}-{file.Length - 1}/{file.Length}";
            }
            response.ContentLength64 = file.Length - file.Position;
            if (context.Request.HttpMethod != "HEAD") await file.CopyToAsync(response.OutputStream);
        }
        catch (Exception e) when (e is IOException or HttpListenerException or ObjectDisposedException)
        {
            // The client went away.
        }
    }
}
