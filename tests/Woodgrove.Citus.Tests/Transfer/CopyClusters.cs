using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Transfer;

/// <summary>Two clusters, <c>a</c> to copy from and <c>b</c> to copy into, in a shell of their own.</summary>
public sealed class CopyClusters : IDisposable
{
    private readonly Lazy<PSObject[]> _sandboxes;
    private readonly HashSet<string> _connected = ["a", "b", "plain_a", "plain_b", "repair"];

    public CopyClusters() => _sandboxes = new(Start);

    public ModuleHost Shell { get; } = new();

    /// <summary>The servers of a cluster, the coordinator first.</summary>
    internal SandboxServer[] Servers(char cluster) =>
        [.. new[] { "coordinator", "worker1", "worker2" }.Select(name => new SandboxServer(Sandbox(cluster), name))];

    public string ConnectionString(char cluster, string database = "citus", string role = "postgres", int? port = null) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port ?? Sandbox(cluster).Get("Port")};Database={database};"
            + $"Username={role};Password={Password(cluster)}");

    /// <summary>With which its roles log in, and its nodes at one another.</summary>
    public string Password(char cluster) => File.ReadAllText($"{Sandbox(cluster).Get("Path")}/pgpass").Trim().Split('\n')[0].Split(':')[^1];

    /// <summary>Connects the shell by a name.</summary>
    /// <param name="more">Other parameters of Connect-CitusCluster.</param>
    public void Connect(char cluster, string name, string database = "citus", string role = "postgres", int? port = null, string more = "")
    {
        Shell["to"] = ConnectionString(cluster, database, role, port);
        Shell.Run($"$null = Connect-CitusCluster -ConnectionString $to -Name {name} {more}").Succeeded();
        _connected.Add(name);
    }

    public NpgsqlConnection Open(char cluster, string database = "citus")
    {
        var session = new NpgsqlConnection(ConnectionString(cluster, database) + ";Pooling=false");
        session.Open();
        return session;
    }

    public void Execute(char cluster, string sql, string database = "citus")
    {
        using NpgsqlConnection session = Open(cluster, database);
        foreach (string statement in sql.Split(";\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            using var command = new NpgsqlCommand(statement, session) { CommandTimeout = 120 };
            command.ExecuteNonQuery();
        }
    }

    public object? Scalar(char cluster, string sql, string database = "citus")
    {
        using NpgsqlConnection session = Open(cluster, database);
        using var command = new NpgsqlCommand(sql, session) { CommandTimeout = 120 };
        return command.ExecuteScalar();
    }

    /// <summary>A table's rows: how many, and a hash over all of them in order.</summary>
    public string Content(char cluster, string table, string database = "citus") => (string)Scalar(cluster,
        $"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text)), '') FROM {table} t", database)!;

    public void AssertSame(params string[] tables) => Assert.All(tables, t => Assert.Equal(Content('a', t), Content('b', t)));

    /// <summary>No server of the target has anything left of a copy.</summary>
    public void AssertNothingLeft() => Assert.Equal(0L, Scalar('b',
        "SELECT sum(result::bigint)::bigint FROM run_command_on_all_nodes('SELECT count(*) FROM pg_prepared_xacts')"));

    public void Dispose()
    {
        foreach (PSObject sandbox in _sandboxes.IsValueCreated ? _sandboxes.Value : [])
        {
            Shell["sandbox"] = sandbox;
            Shell.Run("Stop-CitusSandbox $sandbox");
        }
        // Connections are the process's: the latest is the run's own cluster again.
        Shell.Run("Get-CitusConnection | Where-Object Name -In " + string.Join(", ", _connected) + " | Disconnect-CitusCluster");
        Shell.Dispose();
    }

    private PSObject Sandbox(char cluster) => _sandboxes.Value[cluster - 'a'];

    private PSObject[] Start()
    {
        PSObject[] sandboxes = [.. Enumerable.Range(0, 2).Select(_ => Shell.Run("Start-CitusSandbox -Engine Citus").Single)];
        for (int i = 0; i < 2; i++)
        {
            Shell["to"] = string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={sandboxes[i].Get("Port")};Database=citus;"
                + $"Username=postgres;Passfile={sandboxes[i].Get("Path")}/pgpass");
            Shell.Run($"$null = Connect-CitusCluster -ConnectionString $to -Name {(char)('a' + i)}").Succeeded();
        }
        return sandboxes;
    }
}
