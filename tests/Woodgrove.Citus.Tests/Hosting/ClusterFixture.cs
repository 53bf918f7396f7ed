using System.Globalization;
using System.Management.Automation;
using System.Text;
using Npgsql;
using Testcontainers.PostgreSql;

[assembly: AssemblyFixture(typeof(Woodgrove.Citus.Tests.Hosting.ClusterFixture))]
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>
/// The cluster that a run tests against, and the shell connected to it: a sandbox of the engine that
/// <c>WOODGROVE_TEST_ENGINE</c> names (Auto, Citus, PostgreSql), a container (Container) of the image that
/// <c>WOODGROVE_TEST_IMAGE</c> names, or the existing cluster
/// that <c>WOODGROVE_TEST_CONNECTION</c> leads to.
/// </summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private readonly string _run = Guid.NewGuid().ToString("N")[..6];
    private readonly List<string> _cleanUp = [];
    private PostgreSqlContainer? _container;
    private string? _unreachable;
    private int _names;

    public static string Engine => Environment.GetEnvironmentVariable("WOODGROVE_TEST_ENGINE") is { Length: > 0 } chosen ? chosen : "Auto";

    public ModuleHost Shell { get; } = new();

    /// <summary>The tests' own way to the database, beside the module's.</summary>
    public NpgsqlDataSource Database { get; private set; } = null!;

    /// <summary>What Connect-CitusCluster or Start-CitusSandbox said of it.</summary>
    public PSObject Connection { get; private set; } = null!;

    /// <summary>Null where the cluster is no sandbox of this run.</summary>
    public PSObject? Sandbox { get; private set; }

    /// <summary>What starting the sandbox wrote.</summary>
    public RunResult? Start { get; private set; }

    /// <summary>A folder for files; the sandbox's web server serves it.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("woodgrove-tests-").FullName;

    public bool IsCitus => Connection.Get("Engine") is "Citus";

    /// <summary>PostgreSQL's major version, for what differs between them.</summary>
    public int PostgresMajor => (int)Scalar("SELECT current_setting('server_version_num')::int / 10000")!;

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("WOODGROVE_TEST_CONNECTION") is { Length: > 0 } existing) Connect(existing);
        else if (Engine == "Container") await StartContainerAsync();
        else StartSandbox();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string sql in Enumerable.Reverse(_cleanUp).Where(_ => Sandbox is null && Database is not null)) TryExecute(sql);
        if (Database is not null) await Database.DisposeAsync();
        Shell.Run("Stop-CitusSandbox; Get-CitusConnection | Disconnect-CitusCluster");
        Shell.Dispose();
        if (_container is not null) await _container.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Skips the test where the run's cluster could not be had at all.</summary>
    public void Require()
    {
        if (_unreachable is not null) Assert.Skip(_unreachable);
    }

    public void RequireSandbox()
    {
        Require();
        if (Sandbox is null) Assert.Skip("needs a sandbox of this run; the tests were pointed at another cluster");
    }

    public void RequireCitus()
    {
        Require();
        if (!IsCitus) Assert.Skip($"needs real Citus; this run's cluster is {Connection.Get("Engine")}");
    }

    /// <summary>A connection string to the cluster that other processes can use too.</summary>
    public string ConnectionString { get; private set; } = "";

    /// <summary>A name that nothing else in the database has.</summary>
    public string NewName(string stem = "t") => string.Create(CultureInfo.InvariantCulture, $"{stem}_{_run}_{++_names}");

    /// <summary>Creates a plain table and gives its name.</summary>
    public string CreateTable(string definition, string? name = null)
    {
        name ??= NewName();
        Execute($"CREATE TABLE {Quote(name)} ({definition})");
        _cleanUp.Add($"DROP TABLE IF EXISTS {Quote(name)} CASCADE");
        return name;
    }

    /// <summary>Creates a distributed table of four shards and gives its name.</summary>
    public string Distribute(string definition, string column, string? name = null, string colocateWith = "none")
    {
        name = CreateTable(definition, name);
        Execute($"SELECT create_distributed_table('{Quote(name).Replace("'", "''")}', '{column.Replace("'", "''")}', "
            + $"colocate_with := '{colocateWith}'{(colocateWith == "none" ? ", shard_count := 4" : "")})");
        return name;
    }

    public static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"")}\"";

    public void AtEnd(string sql) => _cleanUp.Add(sql);

    public void Execute(string sql)
    {
        using NpgsqlCommand command = Database.CreateCommand(sql);
        command.ExecuteNonQuery();
    }

    public object? Scalar(string sql)
    {
        using NpgsqlCommand command = Database.CreateCommand(sql);
        return command.ExecuteScalar();
    }

    public long Count(string table) => (long)Scalar($"SELECT count(*) FROM {Quote(table)}")!;

    /// <summary>A table's rows as COPY writes them, in the order of their text.</summary>
    public string[] Rows(string table, string columns = "*")
    {
        using NpgsqlConnection session = Database.OpenConnection();
        using TextReader copy = session.BeginTextExport($"COPY (SELECT {columns} FROM {Quote(table)}) TO STDOUT");
        var rows = new List<string>();
        while (copy.ReadLine() is { } row) rows.Add(row);
        return [.. rows.Order(StringComparer.Ordinal)];
    }

    /// <summary>Loads bytes as psql's \copy does, for comparison.</summary>
    public void CopyAsPsql(string table, byte[] bytes, string options)
    {
        using NpgsqlConnection session = Database.OpenConnection();
        using TextWriter copy = session.BeginTextImport($"COPY {Quote(table)} FROM STDIN ({options})");
        ((StreamWriter)copy).BaseStream.Write(bytes);
    }

    public string File(string name, string text) => File(name, Encoding.UTF8.GetBytes(text));

    public string File(string name, byte[] bytes)
    {
        string path = Path.Combine(Folder, name);
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }

    private void StartSandbox()
    {
        Shell["root"] = Folder;
        Start = Shell.Run($"Start-CitusSandbox -Engine {Engine} -WebRoot $root -Verbose");
        Sandbox = Start.Single;
        Connection = Shell.Run("Get-CitusConnection").Single;
        // The password is in no object that the module gives out; the servers' own file has it.
        Reach($"Host={Sandbox.Get("Server")};Port={Sandbox.Get("Port")};Database=citus;Username=postgres;Passfile={Path.Combine((string)Sandbox.Get("Path")!, "pgpass")}");
    }

    private void Connect(string connectionString)
    {
        Shell["connectionString"] = connectionString;
        Connection = Shell.Run("Connect-CitusCluster -ConnectionString $connectionString").Single;
        Reach(connectionString);
    }

    private void Reach(string connectionString)
    {
        ConnectionString = connectionString + ";Include Error Detail=true";
        Database = NpgsqlDataSource.Create(ConnectionString);
    }

    private async Task StartContainerAsync()
    {
        try
        {
            string image = Environment.GetEnvironmentVariable("WOODGROVE_TEST_IMAGE") is { Length: > 0 } chosen ? chosen
                : "citusdata/citus:13.2.0";
            _container = new PostgreSqlBuilder(image).Build();
            await _container.StartAsync();
        }
        catch (Exception e) when (e is DotNet.Testcontainers.Builders.DockerUnavailableException or ArgumentException)
        {
            _unreachable = $"no container: Docker does not answer here ({e.Message.Split('\n')[0].Trim()})";
            return;
        }
        Connect(_container.GetConnectionString());
    }

    private void TryExecute(string sql)
    {
        try
        {
            Execute(sql);
        }
        catch (NpgsqlException)
        {
            // The next object may still be removable.
        }
    }
}

/// <summary>A test that works on the run's cluster.</summary>
public abstract class ClusterTest
{
    protected ClusterTest(ClusterFixture cluster)
    {
        cluster.Require();
        Cluster = cluster;
    }

    protected ClusterFixture Cluster { get; }

    protected ModuleHost Shell => Cluster.Shell;
}
