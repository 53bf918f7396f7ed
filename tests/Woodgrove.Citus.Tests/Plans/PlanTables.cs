using System.Runtime.CompilerServices;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Plans;

/// <summary>The scenario's tables, and some of Citus's documentation, in schemas of their own on real Citus.</summary>
public sealed class PlanTables : IDisposable
{
    private const string Drop = "DROP SCHEMA IF EXISTS woodgrove_plans CASCADE; DROP SCHEMA IF EXISTS woodgrove_tenant CASCADE";
    private readonly ClusterFixture _cluster;

    public PlanTables(ClusterFixture cluster)
    {
        _cluster = cluster;
        if (cluster.Database is null || !cluster.IsCitus) return;
        cluster.Execute(Drop);
        using NpgsqlConnection session = cluster.Database.OpenConnection();
        // One by one, a transaction each, as Citus wants its DDL.
        foreach (string statement in System.IO.File.ReadLines(Path("setup.sql")).Where(l => l.Length > 0))
        {
            using var command = new NpgsqlCommand(statement, session);
            command.ExecuteNonQuery();
        }
    }

    public void Dispose()
    {
        if (_cluster.Database is not null && _cluster.IsCitus) _cluster.Execute(Drop);
    }

    public static string Path(string file, [CallerFilePath] string here = "") =>
        System.IO.Path.Combine(System.IO.Path.GetDirectoryName(here)!, file);
}
