using System.Globalization;
using System.Management.Automation;
using System.Text;
using CsvHelper;
using Npgsql;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>
/// A cluster of its own for tests that break it, with a file to load and what its table must hold in the end.
/// Its tables have no key, so that a row that came twice would stay there twice.
/// </summary>
public sealed class FaultCluster(ClusterFixture cluster) : IAsyncLifetime
{
    private const string Columns = "id bigint, user_id bigint, note text";
    private const int Rows = 300_000;
    private PSObject? _sandbox;
    private string _password = "";
    private int _names;

    /// <summary>300,000 rows, 14 MB.</summary>
    public string Csv { get; private set; } = "";

    /// <summary>Each key's rows, counted and hashed, as they stand in the file.</summary>
    private string[] Expected { get; set; } = [];

    public ModuleHost Shell => cluster.Shell;

    internal SandboxServer Coordinator { get; private set; } = null!;
    internal IReadOnlyList<SandboxServer> Workers { get; private set; } = [];

    public ValueTask InitializeAsync()
    {
        if (!cluster.IsCitus || cluster.Sandbox is null) return default;
        _sandbox = Shell.Run("Start-CitusSandbox -Engine Citus -WorkerCount 2").Single;
        _password = File.ReadAllText(Path.Combine((string)_sandbox.Get("Path")!, "pgpass")).Trim().Split(':')[^1];
        Coordinator = new SandboxServer(_sandbox, "coordinator");
        Workers = [new SandboxServer(_sandbox, "worker1"), new SandboxServer(_sandbox, "worker2")];
        string csv = Generate(Rows, 1);
        Csv = cluster.File("faults.csv", csv);
        Execute($"CREATE TABLE expected ({Columns})");
        using (NpgsqlConnection session = Open())
        using (TextWriter copy = session.BeginTextImport("COPY expected FROM STDIN (FORMAT csv, HEADER true)")) copy.Write(csv);
        Expected = Content("expected");
        // Undisturbed first; it also makes the ledger's table, which is no part of a load.
        string table = Distribute();
        Shell["csv"] = Csv;
        Shell.Run($"Import-CsvToCitus $csv {table} -Route Shard").Succeeded();
        AssertLoaded(table);
        return default;
    }

    public ValueTask DisposeAsync()
    {
        if (_sandbox is null) return default;
        Shell["faulty"] = _sandbox;
        Shell["own"] = cluster.Connection.Get("Name");
        // The run's own cluster is the latest connection again.
        Shell.Run("Stop-CitusSandbox $faulty; Get-CitusConnection | Where-Object Name -NE $own | Disconnect-CitusCluster").Succeeded();
        return default;
    }

    public void Require()
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
    }

    /// <summary>A connection string to the coordinator, or to a proxy before it.</summary>
    public string ConnectionString(int? port = null) =>
        string.Create(CultureInfo.InvariantCulture,
            $"Host=127.0.0.1;Port={port ?? Coordinator.Port};Database=citus;Username=postgres;Password={_password};Include Error "
                + $"Detail=true");

    /// <summary>Creates a role that logs in with the sandbox's password, so that the nodes reach each other as it too.</summary>
    public string CreateRole(string stem)
    {
        string role = $"{stem}_{++_names}";
        Execute($"CREATE ROLE {role} LOGIN PASSWORD '{_password}'");
        return role;
    }

    /// <summary>A connection string of a role.</summary>
    public string ConnectionStringOf(string role, int? port = null) =>
        ConnectionString(port).Replace("Username=postgres", $"Username={role}", StringComparison.Ordinal);

    public string Distribute(int shards = 4)
    {
        string name = $"faults_{++_names}";
        Execute($"CREATE TABLE {name} ({Columns})");
        Execute($"SELECT create_distributed_table('{name}', 'user_id', shard_count := {shards}, colocate_with := 'none')");
        return name;
    }

    /// <summary>Each key with its number of rows and a hash over all of them in order.</summary>
    public string[] Content(string table)
    {
        using NpgsqlConnection session = Open();
        using var command = new NpgsqlCommand("SELECT user_id || ' ' || count(*) || ' ' || md5(string_agg(id || ':' || note, "
            + $"';' ORDER BY id, note)) FROM {table} GROUP BY user_id ORDER BY user_id", session);
        using NpgsqlDataReader row = command.ExecuteReader();
        var content = new List<string>();
        while (row.Read()) content.Add(row.GetString(0));
        return [.. content];
    }

    /// <summary>The table has every row of the file once, and no node has anything left prepared.</summary>
    /// <param name="prepared">False leaves the nodes to the caller.</param>
    public void AssertLoaded(string table, bool prepared = true)
    {
        Assert.Equal(Expected, Content(table));
        if (!prepared) return;
        Assert.Equal(0L, Scalar("SELECT sum(result::bigint)::bigint FROM run_command_on_all_nodes('SELECT count(*) FROM "
            + "pg_prepared_xacts WHERE starts_with(gid, ''woodgrove_'')')"));
    }

    /// <summary>Returns when a load has its ledger open: what happens from then on happens during the load.</summary>
    public async Task UnderWayAsync(Task load)
    {
        const string ledger = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1464815428 AND objid <> 0";
        while (!load.IsCompleted && Scalar(ledger) is 0L) await Task.Delay(2, TestContext.Current.CancellationToken);
    }

    /// <summary>The file's rows one by one into a table.</summary>
    public PowerShell AddRows(string before, string how)
    {
        Shell["rows"] = new CsvDataReader(new CsvReader(File.OpenText(Csv), CultureInfo.InvariantCulture));
        return Shell.Create($"{before}; Add-CitusRow -InputObject $rows -Table {how}");
    }

    public void Execute(string sql)
    {
        using NpgsqlConnection session = Open();
        using var command = new NpgsqlCommand(sql, session);
        command.ExecuteNonQuery();
    }

    public object? Scalar(string sql)
    {
        using NpgsqlConnection session = Open();
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }

    /// <summary>Rows of few keys, with quotes and line ends in their values.</summary>
    public static string Generate(int rows, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("id,user_id,note\n");
        for (int id = 1; id <= rows; id++)
            text.Append(CultureInfo.InvariantCulture,
                $"{id},{random.Next(1, 5000)},\"note {random.Next()}, \"\"q\"\"{(id % 50 == 0 ? "\nsecond line" : "")}\"\n");
        return text.ToString();
    }

    /// <summary>What chance decides in a test; <c>WOODGROVE_TEST_SEED</c> repeats a run.</summary>
    public static Random Chance(ITestOutputHelper output)
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("WOODGROVE_TEST_SEED"), out int chosen) ? chosen : Environment.TickCount;
        output.WriteLine($"seed {seed}");
        return new Random(seed);
    }

    // Without a pool: a server that was killed leaves nothing behind that looks like a session.
    private NpgsqlConnection Open()
    {
        var session = new NpgsqlConnection(ConnectionString() + ";Pooling=false");
        session.Open();
        return session;
    }
}
