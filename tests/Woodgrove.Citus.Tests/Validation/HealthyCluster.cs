using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>
/// A sandbox of its own, a coordinator and two workers with the bank's tables, in which tests make faults and undo
/// them again. Sessions of the tests go to each node directly.
/// </summary>
public class HealthyCluster(ClusterFixture cluster) : IAsyncLifetime
{
    private PSObject? _sandbox;

    /// <summary>The coordinator's, then the workers'.</summary>
    public IReadOnlyList<NodeUnderTest> Nodes { get; private set; } = [];

    public NodeUnderTest Coordinator => Nodes[0];
    public NodeUnderTest Worker => Nodes[2];

    public virtual ValueTask InitializeAsync()
    {
        if (!cluster.IsCitus || cluster.Sandbox is null) return ValueTask.CompletedTask;
        _sandbox = cluster.Shell.Run("Start-CitusSandbox -Engine Citus").Single;
        string folder = (string)_sandbox.Get("Path")!;
        string port = _sandbox.Get("Port")!.ToString()!;
        int[] ports = [.. cluster.Shell.Get("Get-CitusNode").Select(n => (int)n.Get("NodePort")!)];
        string[] names = ["coordinator", "worker1", "worker2"];
        Nodes = [.. names.Select((name, i) => new NodeUnderTest(folder, name, ports[i]))];
        Assert.Equal(port, ports[0].ToString(CultureInfo.InvariantCulture));
        // What is not analyzed or vacuumed stays so.
        foreach (NodeUnderTest node in Nodes) node.Run("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()");
        Coordinator.Run(
            "CREATE TABLE payment_users (user_id bigint PRIMARY KEY, login text)",
            "CREATE TABLE payment_events (event_id bigint, user_id bigint, event_type text, details text, PRIMARY KEY (event_id, user_id))",
            "CREATE TABLE payment_merchants (merchant_id bigint PRIMARY KEY, name text)",
            "SELECT create_distributed_table('payment_users', 'user_id')",
            "SELECT create_distributed_table('payment_events', 'user_id', colocate_with := 'payment_users')",
            "SELECT create_reference_table('payment_merchants')",
            "INSERT INTO payment_users SELECT i, 'user ' || i FROM generate_series(1, 2000) i",
            "INSERT INTO payment_events SELECT i, 1 + i % 2000, 'SendFunds', '{}' FROM generate_series(1, 20000) i",
            "INSERT INTO payment_merchants SELECT i, 'merchant ' || i FROM generate_series(1, 50) i",
            "ANALYZE", "SELECT count(*) FROM payment_users", "SELECT count(*) FROM payment_events",
            "SELECT count(*) FROM payment_merchants");
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Runs a fix as it is printed: cmdlets in the shell, SQL on the node that the line's comment names, or on the coordinator;
    /// and restarts the node where the comment asks for it.
    /// </summary>
    public void Follow(string fix)
    {
        foreach (string line in fix.Split('\n'))
        {
            if (Regex.IsMatch(line, "^[A-Z][A-Za-z]+-[A-Z]"))
            {
                cluster.Shell.Run(line).Succeeded();
                continue;
            }
            string[] parts = line.Split("--", 2);
            NodeUnderTest node = Nodes.FirstOrDefault(n => parts[^1].Contains($" on {n.Name}", StringComparison.Ordinal)) ?? Coordinator;
            // psql sends one statement after the other; a single message would be one transaction.
            node.Run(parts[0].Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
            if (parts[^1].Contains("restart it", StringComparison.Ordinal)) node.Restart();
        }
    }

    public virtual ValueTask DisposeAsync()
    {
        foreach (NodeUnderTest node in Nodes) node.Dispose();
        if (_sandbox is not null)
        {
            cluster.Shell["healthy"] = _sandbox;
            cluster.Shell.Run("$healthy | Stop-CitusSandbox").Succeeded();
        }
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}

/// <summary>A server of the sandbox, in which faults are made and undone.</summary>
public sealed class NodeUnderTest : IDisposable
{
    private readonly string _folder, _name, _programs;
    private readonly NpgsqlDataSource _database;

    public NodeUnderTest(string folder, string name, int port)
    {
        (_folder, _name, Port) = (folder, name, port);
        _database = Connect("postgres");
        _programs = Path.GetDirectoryName(File.ResolveLinkTarget($"/proc/{ProcessId}/exe", false)!.FullName)!;
    }

    public int Port { get; }
    public string Name => $"127.0.0.1:{Port}";
    /// <summary>Its data directory.</summary>
    public string Data => Path.Combine(_folder, _name);

    public int ProcessId => int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    /// <summary>The password of the sandbox's superuser.</summary>
    public string Password => File.ReadAllText(PasswordFile).Trim().Split(':')[^1];

    public string PasswordFile => Path.Combine(_folder, "pgpass");

    public void Run(params string[] statements)
    {
        using NpgsqlConnection session = _database.OpenConnection();
        foreach (string sql in statements)
        {
            using var command = new NpgsqlCommand(sql, session);
            command.ExecuteNonQuery();
        }
    }

    /// <summary>Runs all of the statements, whichever of them fails; those that failed are thrown in the end.</summary>
    public void RunAll(params string[] statements)
    {
        var failures = new List<Exception>();
        using NpgsqlConnection session = _database.OpenConnection();
        foreach (string sql in statements)
        {
            try
            {
                using var command = new NpgsqlCommand(sql, session);
                command.ExecuteNonQuery();
            }
            catch (PostgresException e)
            {
                failures.Add(e);
            }
        }
        if (failures.Count > 0) throw new AggregateException(failures);
    }

    public T Get<T>(string sql)
    {
        using NpgsqlCommand command = _database.CreateCommand(sql);
        return (T)command.ExecuteScalar()!;
    }

    public NpgsqlConnection Open() => _database.OpenConnection();

    public NpgsqlDataSource Connect(string user, string database = "citus") =>
        NpgsqlDataSource.Create($"Host=127.0.0.1;Port={Port};Database={database};Username={user};Passfile={Path.Combine(_folder, "pgpass")};Include Error Detail=true;Timeout=10;Pooling=false");

    public void Stop() => Execute(ServerCommand([], "stop", "-m", "fast"));

    /// <param name="environment">NAME=value, for the server alone, beside what every server has.</param>
    public void Start(params string[] environment) =>
        Execute(ServerCommand(environment, "start", "-w", "-t", "30", "-l", Path.Combine(_folder, _name + ".log"), "-o", $"-p {Port}"));

    /// <summary>Ends the server's first process at once, as the kernel does that runs out of memory; the others end when they see that.</summary>
    public void Kill()
    {
        int id = ProcessId;
        string[] children = [.. Children()];
        Execute("/bin/kill", "-s", "KILL", id.ToString(CultureInfo.InvariantCulture));
        for (int i = 0; i < 300 && children.Append($"{id}").Any(c => Directory.Exists($"/proc/{c}")); i++) Thread.Sleep(50);
        File.Delete(Path.Combine(Data, "postmaster.pid"));
    }

    public void Restart()
    {
        Stop();
        Start();
        _database.Clear(); // of sessions that the old server had
    }

    /// <summary>Suspends the server's processes, or lets them go on: it accepts connections and answers nothing.</summary>
    public void Signal(string signal)
    {
        // The server itself first: stopped, it starts no more children. One that has just ended needs no signal.
        Execute("/bin/kill", "-s", signal, ProcessId.ToString(CultureInfo.InvariantCulture));
        foreach (string id in Children().ToList()) Process.Start("/bin/kill", ["-s", signal, id]).WaitForExit();
    }

    public void Dispose() => _database.Dispose();

    private IEnumerable<string> Children() =>
        File.ReadAllText($"/proc/{ProcessId}/task/{ProcessId}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Runs a command to its end, which must be a good one.</summary>
    public void Execute(params string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = _folder };
        start.Environment["HOME"] = _folder;
        start.Environment["PGPASSFILE"] = PasswordFile;
        using Process process = Process.Start(start)!;
        Assert.True(process.WaitForExit(60_000) && process.ExitCode == 0, $"{string.Join(' ', command)} ended with {process.ExitCode}");
    }

    /// <summary>Runs a program of the server's.</summary>
    public void ExecuteProgram(string name, params string[] arguments) => Execute(AsServer([Path.Combine(_programs, name), .. arguments]));

    private string[] ServerCommand(string[] environment, string action, params string[] arguments) =>
        AsServer(["env", .. environment, Path.Combine(_programs, "pg_ctl"), action, "-D", Data, "-s", .. arguments]);

    /// <summary>A command as the account that the servers run under.</summary>
    private static string[] AsServer(string[] command) => Environment.IsPrivilegedProcess
        ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", .. command] : command;
}
