using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>A sandbox of its own with three workers, for tests that change the cluster; each server logs its statements.</summary>
public sealed class ChangedCluster(ClusterFixture cluster) : IAsyncLifetime
{
    private PSObject? _sandbox;
    private string _password = "";

    public ModuleHost Shell => cluster.Shell;

    /// <summary>The ports of the coordinator and the workers.</summary>
    public int[] Ports { get; private set; } = [];

    public string Folder => (string)_sandbox!.Get("Path")!;

    /// <summary>A worker's server.</summary>
    /// <param name="number">From 1.</param>
    internal SandboxServer Server(int number) => new(_sandbox!, $"worker{number}");

    internal SandboxServer Coordinator => new(_sandbox!, "coordinator");

    public string ConnectionString =>
        $"Host=127.0.0.1;Port={Ports[0]};Database=citus;Username=postgres;Password={_password};Include Error Detail=true;Pooling=false";

    public ValueTask InitializeAsync()
    {
        if (!cluster.IsCitus || cluster.Sandbox is null) return default;
        _sandbox = Shell.Run("Start-CitusSandbox -Engine Citus -WorkerCount 3").Single;
        _password = File.ReadAllText(Path.Combine(Folder, "pgpass")).Trim().Split(':')[^1];
        Ports = [.. Shell.Get("Get-CitusNode").Select(n => (int)n.Get("NodePort")!)];
        Execute(MaintenanceDaemon.Await, "ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()");
        return default;
    }

    public ValueTask DisposeAsync()
    {
        if (_sandbox is null) return default;
        Shell["changed"] = _sandbox;
        Shell.Run("$changed | Stop-CitusSandbox").Succeeded();
        return default;
    }

    /// <summary>A worker's name as the cluster knows it.</summary>
    /// <param name="number">From 1.</param>
    public string Node(int number) => $"127.0.0.1:{Ports[number]}";

    /// <param name="port">The coordinator's by default.</param>
    public NpgsqlConnection Open(int? port = null)
    {
        var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ConnectionString) { Port = port ?? Ports[0] }.ToString());
        session.Open();
        return session;
    }

    public void Execute(params string[] statements)
    {
        using NpgsqlConnection session = Open();
        foreach (string sql in statements)
        {
            using var command = new NpgsqlCommand(sql, session);
            command.ExecuteNonQuery();
        }
    }

    public T Scalar<T>(string sql)
    {
        using NpgsqlConnection session = Open();
        using var command = new NpgsqlCommand(sql, session);
        return (T)command.ExecuteScalar()!;
    }

    /// <summary>The rows of a query, each as text.</summary>
    /// <param name="port">Of the node that is asked; the coordinator's by default.</param>
    public string[] Rows(string sql, int? port = null)
    {
        using NpgsqlConnection session = Open(port);
        using var command = new NpgsqlCommand($"SELECT r::text FROM ({sql}) r", session);
        using NpgsqlDataReader row = command.ExecuteReader();
        var rows = new List<string>();
        while (row.Read()) rows.Add(row.GetString(0));
        return [.. rows];
    }

    /// <summary>What the catalogs say of nodes, tables, shards, placements and jobs.</summary>
    public string Digest() => string.Join('\n', ((string[])["pg_dist_node", "pg_dist_shard", "pg_dist_placement", "pg_dist_partition",
        "pg_dist_colocation", "pg_dist_background_job", "pg_dist_background_task", "pg_dist_cleanup"])
        .Select(t => $"{t} {Scalar<string>($"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ';' ORDER BY t::text)), '') FROM pg_catalog.{t} t")}"));

    /// <summary>The statements that the coordinator has logged.</summary>
    public string Log() => File.ReadAllText(Path.Combine(Folder, "coordinator.log"));

    /// <summary>The node of each of a table's shards, in the order of their hashes.</summary>
    public string[] NodesOf(string table) => Rows($"""
        SELECT n.nodename || ':' || n.nodeport FROM pg_dist_shard s JOIN pg_dist_placement p USING (shardid)
        JOIN pg_dist_node n USING (groupid) WHERE s.logicalrelid = '{table}'::regclass ORDER BY s.shardminvalue::int
        """).Select(r => r.Trim('(', ')')).ToArray();

    /// <summary>The ids of a table's shards, in the order of their hashes.</summary>
    public long[] ShardsOf(string table) =>
        [.. Rows($"SELECT shardid FROM pg_dist_shard WHERE logicalrelid = '{table}'::regclass ORDER BY shardminvalue::int")
            .Select(r => long.Parse(r.Trim('(', ')'), System.Globalization.CultureInfo.InvariantCulture))];
}
