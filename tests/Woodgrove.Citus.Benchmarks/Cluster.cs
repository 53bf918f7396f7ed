using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Sandbox;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>
/// The cluster to measure on. The engine in this process is connected to it, and libpq's environment variables
/// lead psql, and Connect-CitusCluster in child processes, to the same.
/// </summary>
internal sealed class Cluster : IDisposable
{
    public const string Table = "benchmark_events";

    private readonly bool _isSandbox;

    public Cluster(Options options)
    {
        if (options.Text("server") is { } server)
        {
            Remember(new NpgsqlConnectionStringBuilder(server));
            Engine.Run("Connect-CitusCluster");
        }
        else
        {
            _isSandbox = true;
            PSObject sandbox = Engine.Run($"Start-CitusSandbox -Engine {options.Text("engine") ?? "Auto"} -WarningAction SilentlyContinue")
                .Single();
            string Value(string property) => Convert.ToString(sandbox.Properties[property].Value, CultureInfo.InvariantCulture)!;
            Remember(new NpgsqlConnectionStringBuilder
            {
                Host = Value("Server"), Port = int.Parse(Value("Port"), CultureInfo.InvariantCulture), Database = "citus",
                Username = "postgres",
                Passfile = Path.Combine(Value("Path"), "pgpass"),
            });
        }
        PSObject connection = Engine.Run("Get-CitusConnection")[^1];
        IsCitus = connection.Properties["Engine"].Value is "Citus";
        Description = $"{connection.Properties["Engine"].Value} {connection.Properties["CitusVersion"].Value} on PostgreSQL "
            + $"{connection.Properties["ServerVersion"].Value}"
            + $" with {Engine.Run("Get-CitusNode").Count} node(s), {Child.PwshVersion}.";
    }

    public Engine Engine { get; } = new();

    public bool IsCitus { get; }

    /// <summary>Engine and versions, for a report.</summary>
    public string Description { get; }

    /// <summary>Recreates the table of events, distributed by user.</summary>
    public void CreateTable() => Engine.Run($"""
        Invoke-CitusQuery 'DROP TABLE IF EXISTS {Table}'
        New-DistributedTable {Table} user_id -Definition '
            event_id bigint, event_type text, user_id bigint, merchant_id bigint, event_details jsonb, created_at timestamp,
            PRIMARY KEY (event_id, user_id)'
        """);

    /// <summary>
    /// Empties the table and lets every node write out what it still holds back, so that no load pays for the one
    /// before.
    /// </summary>
    public void Clear() => Engine.Run($$"""
        Invoke-CitusQuery 'TRUNCATE {{Table}}'
        Invoke-CitusQuery 'CHECKPOINT'
        if ((Get-CitusConnection)[-1].Engine -eq 'Citus') { Invoke-CitusQuery 'SELECT run_command_on_workers($$CHECKPOINT$$)' }
        """);

    /// <summary>Rows, and a sum of hashes over all their values that no order changes.</summary>
    public string Checksum() => Engine.Run($"""
        Invoke-CitusQuery -As Scalar 'SELECT count(*) || '' '' || coalesce(sum(hashtextextended(
            concat_ws(''|'', event_id, event_type, user_id, merchant_id, event_details, created_at), 0)), 0) FROM {Table}'
        """).Single().ToString();

    /// <summary>Runs psql, and says how many seconds it took.</summary>
    public static double Psql(params string[] arguments)
    {
        string program = PostgresInstallation.Find().Program("psql");
        return Child.Run(File.Exists(program) ? program : "psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", .. arguments]).Seconds;
    }

    /// <summary>The \copy of a file of events.</summary>
    public static double PsqlCopy(FileInfo file) => Psql("-c", $@"\copy {Table} FROM '{file.FullName}' WITH (FORMAT csv)");

    public static string ImportScript(FileInfo file, string route) =>
        $"$null = Import-CsvToCitus -LiteralPath '{file.FullName}' -Table {Table} -NoHeader -Route {route}";

    public void Dispose()
    {
        Engine.Run(_isSandbox ? "Stop-CitusSandbox" : $"Invoke-CitusQuery 'DROP TABLE IF EXISTS {Table}'");
        Engine.Dispose();
    }

    private static void Remember(NpgsqlConnectionStringBuilder server)
    {
        void Set(string variable, string? value)
        {
            if (value is not null) Environment.SetEnvironmentVariable(variable, value);
        }
        Set("PGHOST", server.Host);
        Set("PGPORT", server.Port.ToString(CultureInfo.InvariantCulture));
        Set("PGDATABASE", server.Database);
        Set("PGUSER", server.Username);
        Set("PGPASSWORD", server.Password);
        Set("PGPASSFILE", server.Passfile);
        if (server.ShouldSerialize("SSL Mode"))
            Set("PGSSLMODE", server.SslMode.ToString().ToLowerInvariant().Replace("verify", "verify-", StringComparison.Ordinal));
    }
}
