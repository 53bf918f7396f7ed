using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Sandbox;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>
/// The same table from one cluster into another, by Copy-CitusTable, a pipe of two psql, such pipes from shard to shard and, where it
/// is found, pgcopydb.
/// </summary>
internal static class CopyBenchmark
{
    private const int SourceShards = 16;

    private static readonly string? PgCopyDb = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "pgcopydb")).FirstOrDefault(File.Exists);

    public static int Run(Options options)
    {
        (int rows, int runs) = (options.Number("rows", 1_500_000), options.Number("runs", 5));
        FileInfo file = EventsFile.OfRows(rows);
        using var engine = new Engine();
        Database[] databases = [.. "ab".Select(name => Start(engine, name))];
        try
        {
            Create(engine, 'a', SourceShards);
            engine.Run($"{Cluster.ImportScript(file, "Auto")} -Connection a");
            var report = new Report("copy", "Copy-CitusTable against a pipe of two psql");
            PSObject a = engine.Run("Get-CitusConnection | Where-Object Name -eq a").Single();
            string Of(string property) => $"{a.Properties[property].Value}";
            report.Paragraph($"Two clusters of three nodes, {Of("Engine")} {Of("CitusVersion")} on PostgreSQL {Of("ServerVersion")}. "
                + $"{rows} events, {Report.Megabytes(file.Length)} MB of CSV, from {SourceShards} shards, "
                + @"against `psql -c '\copy … to stdout' | psql -c '\copy … from stdin'` through the coordinators; "
                + $"and, where both have the same ranges, against one such pipe per shard, all at the same time, in COPY's binary format "
                + $"(not atomic, and an interrupted one cannot be resumed); {runs} rounds, in turn; "
                + "every copy's rows and content checked. Processor time is the client's, of the cmdlet without PowerShell's start.");
            List<Way> others = [new Way("psql", () => Pipe(databases))];
            if (PgCopyDb is not null)
            {
                report.Paragraph($"`pgcopydb copy table-data --table-jobs {Environment.ProcessorCount}` ({Child.Run(PgCopyDb, "--version").Output
                    .Split('\n').First(l => l.StartsWith("pgcopydb", StringComparison.Ordinal)).Trim()}), with a filter on the one table.");
                others.Add(new Way("pgcopydb", () => CopyDb(databases)));
            }
            report.Table(["target", "way", "seconds", "processor s, client", "Copy-CitusTable of it, median of pairs"],
                new[] { SourceShards, 24 }.SelectMany(shards => Compare(engine, databases, others, shards, rows, runs)));
            report.Save();
        }
        finally
        {
            engine.Run("Stop-CitusSandbox $a; Stop-CitusSandbox $b");
        }
        return 0;
    }

    private static IEnumerable<string[]> Compare(Engine engine, Database[] databases, List<Way> others, int shards, int rows, int runs)
    {
        Create(engine, 'b', shards);
        others = [.. others.Select(w => new Way(w.Name, w.Run))]; // with samples of its own
        if (shards == SourceShards)
        {
            string pipes = ShardPipes(engine, databases);
            others.Add(new Way("psql, shard to shard", () => Shell(pipes)));
        }
        var copy = new Way("Copy-CitusTable", () => Copy(engine, shards));
        string expected = Checksum(engine, 'a');
        for (int round = 0; round <= runs; round++)
        {
            foreach (Way way in round % 2 == 0 ? [.. others, copy] : others.Prepend(copy))
            {
                (double seconds, double busy) = way.Run();
                string found = Checksum(engine, 'b');
                if (found != expected) throw new InvalidOperationException($"{way.Name} copied '{found}', not '{expected}'.");
                Console.Error.WriteLine($"{round}/{runs} {shards} shards, {way.Name}: {Report.Number(seconds, 2)} s, "
                    + $"{Report.Number(busy, 2)} s of processor");
                engine.Run($"Invoke-CitusQuery 'TRUNCATE {Cluster.Table}' -Connection b; Invoke-CitusQuery 'CHECKPOINT' -Connection b; "
                    + "$null = Invoke-CitusQuery 'SELECT run_command_on_workers($$CHECKPOINT$$)' -Connection b");
                if (round == 0) continue; // cold
                way.Seconds.Add(seconds);
                way.Busy.Add(busy);
            }
        }
        string target = $"{shards} shards{(shards == SourceShards ? ", equal ranges" : "")}";
        return others.Append(copy).Select(w => new[] { target, w.Name, Report.Spread(w.Seconds, 2), Report.Spread(w.Busy, 2),
            w == copy ? "" : Report.Spread(copy.Seconds.RatioTo(w.Seconds), 2) });
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

    private static (double Seconds, double Busy) Pipe(Database[] databases) => Shell(
        $@"{databases[0].Psql()} -c '\copy {Cluster.Table} to stdout' | {databases[1].Psql()} -c '\copy {Cluster.Table} from stdin'");

    /// <summary>A pipe of two psql for each pair of shards with the same range, connected to their nodes.</summary>
    private static string ShardPipes(Engine engine, Database[] databases)
    {
        (object Name, int Port)[] Shards(string connection) => [..
            engine.Run($"Get-ShardPlacement {Cluster.Table} -Connection {connection}").OrderBy(s => s.Properties["HashMin"].Value)
                .Select(s => (s.Properties["ShardName"].Value, (int)s.Properties["NodePort"].Value))];
        return string.Concat(Shards("a").Zip(Shards("b"), (from, to) =>
            $"{databases[0].Psql(from.Port)} -c 'COPY {from.Name} TO STDOUT (FORMAT binary)' | "
            + $"{databases[1].Psql(to.Port)} -c 'COPY {to.Name} FROM STDIN (FORMAT binary)' & ")) + "wait";
    }

    private static (double Seconds, double Busy) CopyDb(Database[] databases)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("woodgrove-pgcopydb-");
        try
        {
            string passwords = Path.Combine(folder.FullName, "pgpass"), filters = Path.Combine(folder.FullName, "filters.ini");
            File.WriteAllLines(passwords, databases.Select(d => d.PasswordLine));
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(passwords, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.WriteAllText(filters, $"[include-only-table]\npublic.{Cluster.Table}\n");
            return Shell($"PGPASSFILE={passwords} {PgCopyDb} copy table-data --source {databases[0].Uri} --target {databases[1].Uri} "
                + $"--table-jobs {Environment.ProcessorCount} --dir {folder.FullName}/work --filters {filters} > {folder.FullName}/log 2>&1");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Runs a command of sh, with the processor time of it and its children.</summary>
    private static (double Seconds, double Busy) Shell(string command)
    {
        (double seconds, string output) = Child.Run("sh", "-c", $"{{ {command}; }} && times");
        // The shell's own times, then its children's: 0m0.12s 0m0.10s.
        double busy = output.Split('\n')[^1].Split(' ').Sum(t => t.Trim().TrimEnd('s').Split('m') is [var minutes, var rest]
            ? 60 * double.Parse(minutes, CultureInfo.InvariantCulture) + double.Parse(rest, CultureInfo.InvariantCulture) : 0);
        return (seconds, busy);
    }

    /// <summary>Starts a cluster and connects to it by a name.</summary>
    private static Database Start(Engine engine, char name)
    {
        PSObject sandbox = engine.Run($"${name} = Start-CitusSandbox -Engine Citus; ${name}").Single();
        (object port, object path) = (sandbox.Properties["Port"].Value, sandbox.Properties["Path"].Value);
        engine.Run($"$null = Connect-CitusCluster -ConnectionString 'Host=127.0.0.1;Port={port};Database=citus;Username=postgres;"
            + $"Passfile={path}/pgpass' -Name {name}");
        string program = PostgresInstallation.Find().Program("psql");
        return new Database((int)port, $"PGPASSFILE={path}/pgpass {program} -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres -d citus",
            $"postgresql://postgres@127.0.0.1:{port}/citus",
            $"127.0.0.1:{port}:*:*:{File.ReadAllText($"{path}/pgpass").Trim().Split(':')[^1]}");
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

    /// <param name="Command">The psql command without a port.</param>
    private sealed record Database(int Port, string Command, string Uri, string PasswordLine)
    {
        /// <param name="node">A node's port; by default the coordinator's.</param>
        public string Psql(int? node = null) => $"{Command} -p {node ?? Port}";
    }

    private sealed record Way(string Name, Func<(double Seconds, double Busy)> Run)
    {
        public Samples Seconds { get; } = new(Name);
        public Samples Busy { get; } = new(Name);
    }
}
