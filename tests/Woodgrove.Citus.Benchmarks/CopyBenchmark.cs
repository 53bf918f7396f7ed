using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Sandbox;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>The same table from one cluster into another, by Copy-CitusTable and by a pipe of two psql.</summary>
internal static class CopyBenchmark
{
    private const int SourceShards = 16;

    public static int Run(Options options)
    {
        (int rows, int runs) = (options.Number("rows", 1_500_000), options.Number("runs", 5));
        FileInfo file = EventsFile.OfRows(rows);
        using var engine = new Engine();
        string[] psql = [.. "ab".Select(name => Start(engine, name))];
        try
        {
            Create(engine, 'a', SourceShards);
            engine.Run($"{Cluster.ImportScript(file, "Auto")} -Connection a");
            var report = new Report("copy", "Copy-CitusTable against a pipe of two psql");
            PSObject a = engine.Run("Get-CitusConnection | Where-Object Name -eq a").Single();
            report.Paragraph($"Two clusters of three nodes, {a.Properties["Engine"].Value} {a.Properties["CitusVersion"].Value} on PostgreSQL "
                + $"{a.Properties["ServerVersion"].Value}. {rows} events, {Report.Megabytes(file.Length)} MB of CSV, from {SourceShards} shards, "
                + @"against `psql -c '\copy … to stdout' | psql -c '\copy … from stdin'` through the coordinators; " + $"{runs} rounds, in turn; "
                + "every copy's rows and content checked. Processor time is the client's, of the cmdlet without PowerShell's start.");
            report.Table(["target", "seconds, psql", "Copy-CitusTable", "of psql, median of pairs", "processor s, psql", "Copy-CitusTable"],
                new[] { SourceShards, 24 }.Select(shards => Compare(engine, psql, shards, rows, runs)));
            report.Save();
        }
        finally
        {
            engine.Run("Stop-CitusSandbox $a; Stop-CitusSandbox $b");
        }
        return 0;
    }

    private static string[] Compare(Engine engine, string[] psql, int shards, int rows, int runs)
    {
        Create(engine, 'b', shards);
        var pipe = (Seconds: new Samples("psql"), Busy: new Samples("psql"));
        var copy = (Seconds: new Samples("Copy-CitusTable"), Busy: new Samples("Copy-CitusTable"));
        string expected = Checksum(engine, 'a');
        for (int round = 0; round <= runs; round++)
        {
            foreach (var way in round % 2 == 0 ? new[] { pipe, copy } : [copy, pipe])
            {
                (double seconds, double busy) = way == pipe ? Pipe(psql) : Copy(engine, shards);
                string found = Checksum(engine, 'b');
                if (found != expected) throw new InvalidOperationException($"{way.Seconds.Name} copied '{found}', not '{expected}'.");
                Console.Error.WriteLine($"{round}/{runs} {shards} shards, {way.Seconds.Name}: {Report.Number(seconds, 2)} s, "
                    + $"{Report.Number(busy, 2)} s of processor");
                engine.Run($"Invoke-CitusQuery 'TRUNCATE {Cluster.Table}' -Connection b; Invoke-CitusQuery 'CHECKPOINT' -Connection b; "
                    + "$null = Invoke-CitusQuery 'SELECT run_command_on_workers($$CHECKPOINT$$)' -Connection b");
                if (round == 0) continue; // cold
                way.Seconds.Add(seconds);
                way.Busy.Add(busy);
            }
        }
        return
        [
            $"{shards} shards{(shards == SourceShards ? ", equal ranges" : "")}", Report.Spread(pipe.Seconds, 2), Report.Spread(copy.Seconds, 2),
            Report.Spread(copy.Seconds.RatioTo(pipe.Seconds), 2), Report.Spread(pipe.Busy, 2), Report.Spread(copy.Busy, 2),
        ];
    }

    private static (double Seconds, double Busy) Copy(Engine engine, int shards)
    {
        using Process self = Process.GetCurrentProcess();
        TimeSpan before = self.TotalProcessorTime;
        string method = shards == SourceShards ? "Pipe" : "Split";
        double seconds = engine.Time($"if ((Copy-CitusTable {Cluster.Table} -From a -To b).Method -ne '{method}') {{ throw 'not by {method}' }}");
        self.Refresh();
        return (seconds, (self.TotalProcessorTime - before).TotalSeconds);
    }

    private static (double Seconds, double Busy) Pipe(string[] psql)
    {
        (double seconds, string output) = Child.Run("sh", "-c", $@"{psql[0]} -c '\copy {Cluster.Table} to stdout' | "
            + $@"{psql[1]} -c '\copy {Cluster.Table} from stdin'; times");
        // The shell's own times, then its children's: 0m0.12s 0m0.10s.
        double busy = output.Split('\n')[^1].Split(' ').Sum(t => t.Trim().TrimEnd('s').Split('m') is [var minutes, var rest]
            ? 60 * double.Parse(minutes, CultureInfo.InvariantCulture) + double.Parse(rest, CultureInfo.InvariantCulture) : 0);
        return (seconds, busy);
    }

    /// <summary>Starts a cluster and connects to it by a name.</summary>
    /// <returns>What runs psql there.</returns>
    private static string Start(Engine engine, char name)
    {
        PSObject sandbox = engine.Run($"${name} = Start-CitusSandbox -Engine Citus; ${name}").Single();
        (object port, object path) = (sandbox.Properties["Port"].Value, sandbox.Properties["Path"].Value);
        engine.Run($"$null = Connect-CitusCluster -ConnectionString 'Host=127.0.0.1;Port={port};Database=citus;Username=postgres;"
            + $"Passfile={path}/pgpass' -Name {name}");
        string program = PostgresInstallation.Find().Program("psql");
        return $"PGPASSFILE={path}/pgpass {program} -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p {port} -U postgres -d citus";
    }

    private static void Create(Engine engine, char name, int shards) => engine.Run($"""
        Invoke-CitusQuery 'DROP TABLE IF EXISTS {Cluster.Table}' -Connection {name}
        New-DistributedTable {Cluster.Table} user_id -ShardCount {shards} -Connection {name} -Definition '
            event_id bigint, event_type text, user_id bigint, merchant_id bigint, event_details jsonb, created_at timestamp,
            PRIMARY KEY (event_id, user_id)'
        """);

    private static string Checksum(Engine engine, char name) => engine.Run($"""
        Invoke-CitusQuery -As Scalar 'SELECT count(*) || '' '' || coalesce(sum(hashtextextended(
            concat_ws(''|'', event_id, event_type, user_id, merchant_id, event_details, created_at), 0)), 0) FROM {Cluster.Table}' -Connection {name}
        """).Single().ToString();
}
