using System.Net;
using System.Net.Sockets;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Sandbox;

/// <summary>One throwaway server: a data directory and a port on loopback.</summary>
internal sealed class PostgresServer(PostgresInstallation programs, string folder, string name)
{
    private const int Attempts = 3;

    /// <summary>Its port, once it has started.</summary>
    public int Port { get; private set; }

    public string Name => name;

    private string Data => Path.Combine(folder, name);
    private string Log => Path.Combine(folder, name + ".log");

    /// <summary>The postmaster's process id.</summary>
    /// <remarks>Read by the account's own rights where the caller is not root.</remarks>
    public int? ProcessId => File.Exists(Path.Combine(Data, "postmaster.pid"))
        && int.TryParse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).FirstOrDefault(), out int id) ? id : null;

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async Task CreateAsync(bool citus, CancellationToken stop)
    {
        await ServerAccount.RunAsync(folder, programs.Program("initdb"),
            ["-D", Data, "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync", "-A", "scram-sha-256",
                $"--pwfile={Path.Combine(folder, "password")}"], stop: stop);
        await ServerAccount.AppendAsync(Path.Combine(Data, "postgresql.conf"), Settings(citus), stop);
    }

    /// <summary>Starts it on a free port.</summary>
    public async Task StartAsync(CancellationToken stop)
    {
        for (int attempt = 1; ; attempt++)
        {
            Port = FreePort();
            try
            {
                await ServerAccount.RunAsync(folder, programs.Program("pg_ctl"),
                    ["start", "-D", Data, "-l", Log, "-w", "-t", "60", "-s", "-o", $"-p {Port}"], stop: stop);
                return;
            }
            catch (CitusException) when (attempt < Attempts && !IsFree(Port))
            {
                // Somebody has taken the port since it was found free.
            }
            catch (CitusException e)
            {
                string log = File.Exists(Log) ? string.Join(Environment.NewLine, File.ReadLines(Log).TakeLast(5)) : "";
                throw SandboxErrors.NotStarted(name, log, e);
            }
        }
    }

    /// <summary>Stops it by its own process id, which pg_ctl takes from its data directory.</summary>
    public async Task StopAsync()
    {
        if (ProcessId is not { } id || !IsRunning(id)) return; // pg_ctl signals the process that the same file names
        await ServerAccount.RunAsync(folder, programs.Program("pg_ctl"), ["stop", "-D", Data, "-m", "immediate", "-s"]);
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private bool IsRunning(int processId)
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(processId);
            return process.ProcessName.StartsWith("postgres", StringComparison.OrdinalIgnoreCase) && !IsZombie(processId)
                && IsOfFolder(processId);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>A server works in its data directory; another's process may have the number of one that has ended.</summary>
    private bool IsOfFolder(int processId)
    {
        try
        {
            return !OperatingSystem.IsLinux() || new FileInfo($"/proc/{processId}/cwd").LinkTarget is not { } folder
                || folder == Path.GetFullPath(Data);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>A killed process stays listed where nobody collects it, as in a container without an init.</summary>
    private static bool IsZombie(int processId)
    {
        try
        {
            return OperatingSystem.IsLinux() && File.ReadAllText($"/proc/{processId}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Nothing here must outlive the machine's power, so nothing waits for the disk.</summary>
    private string Settings(bool citus) => $"""

        listen_addresses = '127.0.0.1'
        unix_socket_directories = ''
        max_connections = 300
        max_prepared_transactions = 300
        shared_buffers = 256MB
        max_wal_size = 4GB
        wal_level = logical
        max_worker_processes = 32
        fsync = off
        full_page_writes = off
        log_min_messages = warning
        timezone = 'UTC'
        shared_preload_libraries = '{string.Join(", ", new[] { citus ? "citus" : null, programs.CountsStatements ? "pg_stat_statements" : null }.OfType<string>())}'
        {(citus ? CitusSettings : "")}

        """;

    private const string CitusSettings = """
        citus.node_conninfo = 'sslmode=prefer'
        citus.local_hostname = '127.0.0.1'
        """;
}
