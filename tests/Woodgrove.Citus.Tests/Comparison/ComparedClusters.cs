using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Comparison;

/// <summary>
/// Two clusters in a shell of their own: a source, and a target, whose version is another where
/// <c>WOODGROVE_TEST_OTHER_PG_BIN</c> names other server programs.
/// </summary>
public sealed class ComparedClusters : IDisposable
{
    private readonly Lazy<PSObject[]> _sandboxes;

    public ComparedClusters() => _sandboxes = new(Start);

    public ModuleHost Shell { get; } = new();

    public string Source => Name(0);
    public string Target => Name(1);

    public NpgsqlConnection Open(string cluster, int? port = null, string? options = null)
    {
        PSObject sandbox = _sandboxes.Value.Single(s => (string)s.Get("Name")! == cluster);
        var session = new NpgsqlConnection($"Host=127.0.0.1;Port={port ?? sandbox.Get("Port")};Database=citus;Username=postgres;"
            + $"Passfile={sandbox.Get("Path")}/pgpass;Pooling=false;{options}");
        session.Open();
        return session;
    }

    /// <summary>Runs SQL in both.</summary>
    public void Execute(string sql)
    {
        Execute(Source, sql);
        Execute(Target, sql);
    }

    public void Execute(string cluster, string sql, int? port = null)
    {
        using NpgsqlConnection session = Open(cluster, port);
        using var command = new NpgsqlCommand(sql, session);
        command.ExecuteNonQuery();
    }

    public object? Scalar(string cluster, string sql, int? port = null)
    {
        using NpgsqlConnection session = Open(cluster, port);
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }

    /// <summary>Where the shard lies that has, or has not, the row of a distribution value: its table, and the port of its node.</summary>
    public (string Shard, int Port) ShardOf(string cluster, string table, string value, bool isRight = true)
    {
        string[] found = ((string)Scalar(cluster, $"""
            SELECT shard_name(s.logicalrelid, s.shardid) || ' ' || n.nodeport FROM pg_dist_shard s
            JOIN pg_dist_placement p USING (shardid) JOIN pg_dist_node n USING (groupid)
            WHERE s.logicalrelid = '{table}'::regclass
              AND (s.shardid = get_shard_id_for_distribution_column('{table}', {value})) = {isRight} ORDER BY s.shardid LIMIT 1
            """)!).Split(' ');
        return (found[0], int.Parse(found[1], CultureInfo.InvariantCulture));
    }

    /// <summary>Runs SQL in a shard, on its node, past Citus.</summary>
    public void ExecuteInShard(string cluster, (string Shard, int Port) shard, string sql) =>
        Execute(cluster, sql.Replace("{shard}", shard.Shard, StringComparison.Ordinal), shard.Port);

    /// <summary>What a table holds, by SQL that is not the module's.</summary>
    public string Content(string cluster, string table) =>
        (string)Scalar(cluster, $"SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, E'\\n' ORDER BY x::text COLLATE \"C\")), '') FROM {table} x")!;

    public RunResult Compare(string table, string more = "") =>
        Shell.Run($"Compare-CitusTable '{table}' -From '{Source}' -To '{Target}' {more}");

    public void Dispose()
    {
        foreach (PSObject sandbox in _sandboxes.IsValueCreated ? _sandboxes.Value : [])
        {
            // Connections are the process's: the latest is the run's own cluster again.
            Shell.Run($"Get-CitusConnection | Where-Object Port -eq {sandbox.Get("Port")} | Disconnect-CitusCluster");
            Shell.Run($"Get-CitusSandbox | Where-Object Name -eq '{sandbox.Get("Name")}' | ForEach-Object {{ Stop-CitusSandbox $_ }}");
        }
        Shell.Dispose();
    }

    private string Name(int i) => (string)_sandboxes.Value[i].Get("Name")!;

    private PSObject[] Start()
    {
        PSObject source = Shell.Run($"Start-CitusSandbox -Engine {ClusterFixture.Engine} -WarningAction Ignore").Single;
        string? own = Environment.GetEnvironmentVariable("WOODGROVE_PG_BIN");
        string? other = Environment.GetEnvironmentVariable("WOODGROVE_TEST_OTHER_PG_BIN");
        try
        {
            if (other is { Length: > 0 }) Environment.SetEnvironmentVariable("WOODGROVE_PG_BIN", other);
            return [source, Shell.Run($"Start-CitusSandbox -Engine {ClusterFixture.Engine} -WarningAction Ignore").Single];
        }
        finally
        {
            Environment.SetEnvironmentVariable("WOODGROVE_PG_BIN", own);
        }
    }
}
