using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Reports;

/// <summary>A Chromium without a window, spoken to by its DevTools protocol.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly DirectoryInfo _profile;
    private readonly ClientWebSocket _socket = new();
    private int _calls;

    private Browser(Process process, DirectoryInfo profile)
    {
        _process = process;
        _profile = profile;
    }

    /// <summary>What the page said on the console, and what failed in it.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>The addresses that the page asked for.</summary>
    public List<string> Requests { get; } = [];

    public static string? Program =>
        new[] { "chromium", "chromium-browser", "google-chrome", "chrome" }.Select(Repository.OnPath).FirstOrDefault(p => p is not null);

    public static async Task<Browser> StartAsync()
    {
        if (Program is not { } program)
        {
            Assert.Skip("needs Chromium on the path");
            throw new UnreachableException();
        }
        DirectoryInfo profile = Directory.CreateTempSubdirectory("woodgrove-browser-");
        var start = new ProcessStartInfo(program,
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0", $"--user-data-dir={profile.FullName}", "about:blank",
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var browser = new Browser(Process.Start(start)!, profile);
        browser._process.BeginErrorReadLine();
        browser._process.BeginOutputReadLine();
        await browser.ConnectAsync();
        return browser;
    }

    /// <summary>Shows a page of so many CSS pixels' width, in light or dark.</summary>
    public async Task ShowAsync(string address, int width, bool dark = false)
    {
        await CallAsync("Emulation.setEmulatedMedia",
            new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme",
                ["value"] = dark ? "dark" : "light" }) });
        await CallAsync("Emulation.setDeviceMetricsOverride",
            new JsonObject { ["width"] = width, ["height"] = 900, ["deviceScaleFactor"] = 1, ["mobile"] = false });
        await CallAsync("Page.navigate", new JsonObject { ["url"] = address });
        for (var clock = Stopwatch.StartNew(); !await AskAsync<bool>("document.readyState === 'complete' && location.href === "
            + $"{JsonSerializer.Serialize(address)}");)
        {
            Assert.True(clock.Elapsed < Patience, $"{address} does not load");
            await Task.Delay(50);
        }
    }

    /// <summary>The value of an expression in the page.</summary>
    public async Task<T> AskAsync<T>(string expression)
    {
        JsonNode answer = await CallAsync("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true });
        return answer["exceptionDetails"] is { } failure ? throw new InvalidOperationException(failure.ToJsonString())
            : answer["result"]!["value"]!.Deserialize<T>()!;
    }

    public async Task<byte[]> ScreenshotAsync() =>
        Convert.FromBase64String((string)(await CallAsync("Page.captureScreenshot",
            new JsonObject { ["captureBeyondViewport"] = true }))["data"]!);

    public async Task<byte[]> PrintAsync() =>
        Convert.FromBase64String((string)(await CallAsync("Page.printToPDF", new JsonObject { ["printBackground"] = false }))["data"]!);

    public async Task<JsonNode> CallAsync(string method, JsonObject? parameters = null)
    {
        int id = ++_calls;
        byte[] text = Encoding.UTF8.GetBytes(new JsonObject { ["id"] = id, ["method"] = method,
            ["params"] = parameters ?? [] }.ToJsonString());
        using var patience = new CancellationTokenSource(Patience);
        await _socket.SendAsync(text, WebSocketMessageType.Text, true, patience.Token);
        while (true)
        {
            JsonNode message = await ReceiveAsync(patience.Token);
            if ((int?)message["id"] == id)
                return message["result"] ?? throw new InvalidOperationException($"{method}: {message.ToJsonString()}");
            Note(message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await CallAsync("Browser.close");
            await _process.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (Exception e) when (e is WebSocketException or TimeoutException or OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
        }
        _socket.Dispose();
        _process.Dispose();
        _profile.Delete(recursive: true);
    }

    private async Task ConnectAsync()
    {
        string file = Path.Combine(_profile.FullName, "DevToolsActivePort");
        Assert.True(SpinWait.SpinUntil(() => File.Exists(file) && File.ReadAllText(file).Contains('\n'), Patience),
            "Chromium does not start");
        using var http = new HttpClient();
        JsonNode pages = JsonNode.Parse(await http.GetStringAsync($"http://127.0.0.1:{File.ReadLines(file).First()}/json/list"))!;
        await _socket.ConnectAsync(new Uri((string)pages.AsArray().First(p => (string?)p!["type"] == "page")!["webSocketDebuggerUrl"]!),
            CancellationToken.None);
        foreach (string domain in (string[])["Page", "Runtime", "Log", "Network"]) await CallAsync($"{domain}.enable");
    }

    private async Task<JsonNode> ReceiveAsync(CancellationToken stop)
    {
        using var message = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        WebSocketReceiveResult part;
        do
        {
            part = await _socket.ReceiveAsync(buffer, stop);
            message.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return JsonNode.Parse(message.ToArray())!;
    }

    private void Note(JsonNode message)
    {
        switch ((string?)message["method"])
        {
            case "Runtime.consoleAPICalled" or "Runtime.exceptionThrown" or "Log.entryAdded":
                Complaints.Add(message["params"]!.ToJsonString());
                break;
            case "Network.requestWillBeSent":
                Requests.Add((string)message["params"]!["request"]!["url"]!);
                break;
        }
    }
}
