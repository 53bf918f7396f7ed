using System.Net;
using System.Security.Cryptography;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Sandbox;

/// <summary>A throwaway cluster on loopback.</summary>
public sealed class CitusSandbox
{
    private readonly List<PostgresServer> _servers = [];
    private LoopbackWebServer? _web;
    private bool _ownsFolder;

    private CitusSandbox(string path, bool keep, SandboxEngine engine)
    {
        Path = path;
        Keep = keep;
        Engine = engine;
        Name = System.IO.Path.GetFileName(path);
    }

    public string Name { get; }

    /// <summary>Citus or PostgreSql.</summary>
    public SandboxEngine Engine { get; }

    /// <summary>The folder with the servers' data and logs.</summary>
    public string Path { get; }

    /// <summary>True where the folder stays when the sandbox stops.</summary>
    public bool Keep { get; }

    public string Server => IPAddress.Loopback.ToString();
    public int Port => _servers[0].Port;
    public int WorkerCount => _servers.Count - 1;

    /// <summary>The servers' process ids, the coordinator's first.</summary>
    public Listing<int> ProcessId => _servers.Select(s => s.ProcessId).OfType<int>().ToList();

    /// <summary>Where the web root is served, if one was asked for.</summary>
    public Uri? WebUri => _web?.Address;

    public CitusConnection Connection { get; private set; } = null!;

    public override string ToString() => Name;

    /// <summary>What proves that a folder is this sandbox's.</summary>
    internal string Token { get; } = SandboxFolder.NewToken();

    internal IEnumerable<string> ServerNames => _servers.Select(s => s.Name);

    /// <param name="path">A folder for it; null takes a new one among the temporary files.</param>
    /// <param name="webRoot">A folder to serve over http on loopback, or null.</param>
    /// <exception cref="CitusException">There is no PostgreSQL, or it does not start; nothing is left behind.</exception>
    public static async Task<CitusSandbox> StartAsync(
        SandboxEngine engine, int workerCount, string? path, bool keep, string? webRoot, Action<string> explain, Action<string> warn,
        CancellationToken stop)
    {
        PostgresInstallation programs = Find(engine, path);
        await SandboxRegistry.RemoveAbandonedAsync(() => programs, explain);
        bool citus = engine != SandboxEngine.PostgreSql && programs.HasCitus;
        if (!citus && engine == SandboxEngine.Auto)
        {
            warn("This machine's PostgreSQL has no Citus. The sandbox is one plain PostgreSQL with a stand-in for Citus's catalogs and "
                + "functions: "
                + "rows land in the shards that Citus would choose, but all on one node, and nothing runs in parallel.");
        }
        string folder = path ?? System.IO.Path.Combine(System.IO.Path.GetTempPath(),
            $"woodgrove-citus-{RandomNumberGenerator.GetHexString(12, lowercase: true)}");
        var sandbox = new CitusSandbox(folder, keep, citus ? SandboxEngine.Citus : SandboxEngine.PostgreSql);
        try
        {
            await sandbox.StartServersAsync(programs, citus ? workerCount : 0, explain, stop);
            if (webRoot is not null) sandbox._web = LoopbackWebServer.Start(webRoot);
            return sandbox;
        }
        catch
        {
            await sandbox.StopAsync();
            throw;
        }
    }

    /// <summary>Refuses what <see cref="StartAsync"/> would refuse, and starts nothing.</summary>
    /// <exception cref="CitusException">There is no such PostgreSQL here, or the folder is not empty.</exception>
    public static void Check(SandboxEngine engine, string? path) => Find(engine, path);

    private static PostgresInstallation Find(SandboxEngine engine, string? path)
    {
        PostgresInstallation programs = PostgresInstallation.Find();
        if (engine == SandboxEngine.Citus && !programs.HasCitus) throw SandboxErrors.NoCitus(programs);
        bool isEmpty = path is null || !Directory.Exists(path) || !Directory.EnumerateFileSystemEntries(path).Any();
        return isEmpty ? programs : throw SandboxErrors.FolderNotEmpty(path!);
    }

    /// <summary>Stops the servers and removes their folder, unless it is to be kept.</summary>
    public async Task StopAsync()
    {
        _web?.Dispose();
        if (Connection is not null) await Connection.DisposeAsync();
        await Task.WhenAll(_servers.Select(s => s.StopAsync()));
        if (!Keep && _ownsFolder) await SandboxFolder.DeleteAsync(Path);
        SandboxRegistry.Forget(this);
    }

    private async Task StartServersAsync(PostgresInstallation programs, int workerCount, Action<string> explain, CancellationToken stop)
    {
        _ownsFolder = true;
        string password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        await CreateFolderAsync(password, stop);
        _servers.Add(new PostgresServer(programs, Path, "coordinator"));
        for (int i = 1; i <= workerCount; i++) _servers.Add(new PostgresServer(programs, Path, $"worker{i}"));
        SandboxRegistry.Remember(this, explain);

        bool citus = Engine == SandboxEngine.Citus;
        await Task.WhenAll(_servers.Select(s => s.CreateAsync(citus, stop)));
        await ServerAccount.DeleteAsync(System.IO.Path.Combine(Path, "password"), stop);
        await Task.WhenAll(_servers.Select(s => s.StartAsync(stop)));
        await Task.WhenAll(_servers.Select(s => PrepareAsync(s.Port, password, citus, programs.CountsStatements, stop)));

        Connection = await CitusConnection.OpenAsync(Request(Port, "citus", password), Name, stop);
        await using NpgsqlConnection session = await Connection.OpenSessionAsync(stop);
        await session.ExecuteAsync($"SELECT pg_catalog.citus_set_coordinator_host('{Server}', {Port})", stop);
        foreach (PostgresServer worker in _servers.Skip(1))
            await session.ExecuteAsync($"SELECT pg_catalog.citus_add_node('{Server}', {worker.Port})", stop);
        explain(citus
            ? $"A coordinator on port {Port} and {workerCount} worker(s), each a PostgreSQL server with Citus; the workers hold the shards."
            : $"One PostgreSQL server on port {Port} with the stand-in; it holds all shards.");
    }

    /// <summary>The folder belongs to the servers' account, and only that account may look into it.</summary>
    private async Task CreateFolderAsync(string password, CancellationToken stop)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Path);
            await File.WriteAllTextAsync(SandboxFolder.MarkOf(Path), Token, stop);
            await File.WriteAllTextAsync(System.IO.Path.Combine(Path, "password"), password, stop);
            await File.WriteAllTextAsync(System.IO.Path.Combine(Path, "pgpass"), $"127.0.0.1:*:*:*:{password}\n", stop);
            return;
        }
        const string script = """umask 077; mkdir -p "$1" && chmod 700 "$1" && read -r p && printf '%s' "$2" > "$3" && printf '%s' "$p" > "$1/password" && printf '127.0.0.1:*:*:*:%s\n' "$p" > "$1/pgpass" """;
        await ServerAccount.RunAsync(Path, "/bin/sh", ["-c", script, "sh", Path, Token, SandboxFolder.MarkOf(Path)], password + "\n", stop);
    }

    private static async Task PrepareAsync(int port, string password, bool citus, bool countsStatements, CancellationToken stop)
    {
        await using (var first = new NpgsqlConnection(Request(port, "postgres", password).Resolve().ConnectionString + ";Pooling=false"))
        {
            await first.OpenAsync(stop);
            await first.ExecuteAsync("CREATE DATABASE citus", stop);
            if (citus) await AllowCitusDecodingAsync(first, stop);
        }
        await using var session = new NpgsqlConnection(Request(port, "citus", password).Resolve().ConnectionString + ";Pooling=false");
        await session.OpenAsync(stop);
        await session.ExecuteAsync(citus ? "CREATE EXTENSION citus" : StandIn(), stop);
        if (countsStatements) await session.ExecuteAsync("CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset()", stop);
    }

    /// <summary>Minor releases since 2026 load only the listed logical decoding plugins; moves of shards need Citus's.</summary>
    private static async Task AllowCitusDecodingAsync(NpgsqlConnection session, CancellationToken stop)
    {
        string? listed = await session.ScalarAsync<string>("SELECT setting FROM pg_catalog.pg_settings WHERE name = "
            + "'output_plugin_libraries'", stop);
        if (listed is null) return;
        await session.ExecuteAsync($"ALTER SYSTEM SET output_plugin_libraries = {listed}, citus", stop);
        await session.ExecuteAsync("SELECT pg_catalog.pg_reload_conf()", stop);
    }

    private static ConnectionRequest Request(int port, string database, string password) => new()
    {
        Server = IPAddress.Loopback.ToString(),
        Port = port,
        Database = database,
        UserName = "postgres",
        Password = password,
        SslMode = SslMode.Disable,
    };

    private static string StandIn()
    {
        using Stream script = typeof(CitusSandbox).Assembly.GetManifestResourceStream("CitusStandIn.sql")!;
        return new StreamReader(script).ReadToEnd();
    }
}
