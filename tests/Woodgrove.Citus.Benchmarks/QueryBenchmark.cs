using System.Diagnostics;
using System.Management.Automation;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>A million rows as objects, against psql's text of the same rows.</summary>
internal static class QueryBenchmark
{
    private const string Sql = $"SELECT * FROM {Cluster.Table}";
    private const string Query = $"Invoke-CitusQuery '{Sql}' | Out-Null";

    public static int Run(Options options)
    {
        (int rows, int runs) = (options.Number("rows", 1_000_000), options.Number("runs", 5));
        using var cluster = new Cluster(options);
        cluster.CreateTable();
        Cluster.PsqlCopy(EventsFile.OfRows(rows));
        cluster.Engine.Run($"Invoke-CitusQuery 'VACUUM ANALYZE {Cluster.Table}'");

        var report = new Report("query", "Invoke-CitusQuery against psql");
        report.Paragraph($"{cluster.Description} {rows} events, {runs} rounds, `{Sql}`.");
        (Samples psql, Samples cmdlet, Samples process) = (new("psql -At -o /dev/null"), new("Invoke-CitusQuery | Out-Null, cmdlet"),
            new("Invoke-CitusQuery | Out-Null, process"));
        (Samples first, Samples managed) = (new("first object"), new("managed memory"));
        for (int round = 0; round <= runs; round++)
        {
            double text = Cluster.Psql("-At", "-o", OperatingSystem.IsWindows() ? "NUL" : "/dev/null", "-c", Sql);
            (double objects, double bytes) = Watched(cluster.Engine);
            double whole = Child.RunOnModule($"$null = Connect-CitusCluster; {Query}").Seconds;
            double one = FirstObject(cluster.Engine);
            Console.Error.WriteLine($"{round}/{runs} psql {Report.Number(text, 2)} s, cmdlet {Report.Number(objects, 2)} s, "
                + $"process {Report.Number(whole, 2)} s");
            if (round == 0) continue; // warms the caches and the code
            psql.Add(text);
            cmdlet.Add(objects);
            process.Add(whole);
            first.Add(one);
            managed.Add(bytes);
        }
        long small = Child.RunOnModule($"$null = Connect-CitusCluster; Invoke-CitusQuery '{Sql} LIMIT 10000' | Out-Null").PeakBytes;
        long large = Child.RunOnModule($"$null = Connect-CitusCluster; {Query}").PeakBytes;

        report.Table(["", "seconds, median", "min", "max", "of psql, median of pairs"], new[] { psql, cmdlet, process }.Select(s => new[]
        {
            s.Name, Report.Number(s.Median, 2), Report.Number(s.Min, 2), Report.Number(s.Max, 2), Report.Number(s.RatioTo(psql).Median, 2),
        }));
        report.Paragraph($"First object after {Report.Spread(first, 3)} s. "
            + $"Managed memory grew by at most {Report.Megabytes(managed.Max)} MB; "
            + $"the process's peak is {Report.Megabytes(small)} MB for 10000 rows and {Report.Megabytes(large)} MB for {rows}.");
        report.Save();
        return 0;
    }

    /// <summary>The query's seconds, and by how many bytes managed memory stood above its start at most.</summary>
    private static (double Seconds, double Bytes) Watched(Engine engine)
    {
        long before = GC.GetTotalMemory(forceFullCollection: true), most = before;
        using var watch = new Timer(_ => most = Math.Max(most, GC.GetTotalMemory(false)), null, 0, 10);
        double seconds = engine.Time(Query);
        return (seconds, most - before);
    }

    /// <summary>Seconds until the pipeline has the first row; then it is stopped.</summary>
    private static double FirstObject(Engine engine)
    {
        using PowerShell shell = PowerShell.Create(engine.Runspace);
        shell.AddScript($"Invoke-CitusQuery '{Sql}'");
        double seconds = 0;
        using var output = new PSDataCollection<PSObject>();
        output.DataAdded += (_, _) =>
        {
            if (Interlocked.CompareExchange(ref seconds, Stopwatch.GetElapsedTime(_started).TotalSeconds, 0) == 0)
                shell.BeginStop(null, null);
        };
        _started = Stopwatch.GetTimestamp();
        IAsyncResult running = shell.BeginInvoke<PSObject, PSObject>(null, output);
        try
        {
            shell.EndInvoke(running);
        }
        catch (PipelineStoppedException)
        {
            // As asked.
        }
        return seconds;
    }

    private static long _started;
}
