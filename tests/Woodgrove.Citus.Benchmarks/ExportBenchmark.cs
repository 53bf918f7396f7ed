namespace Woodgrove.Citus.Benchmarks;

/// <summary>The same table into a file, each way in turn.</summary>
internal static class ExportBenchmark
{
    public static int Run(Options options)
    {
        (int rows, int runs) = (options.Number("rows", 2_000_000), options.Number("runs", 5));
        FileInfo file = EventsFile.OfRows(rows);
        using var cluster = new Cluster(options);
        cluster.CreateTable();
        cluster.Engine.Run(Cluster.ImportScript(file, "Auto"));
        string to = Path.Combine(Path.GetTempPath(), $"woodgrove-benchmark-export-{Environment.ProcessId}.csv");
        string export = $"$null = Export-CitusToCsv {Cluster.Table} '{to}' -NoHeader";
        var ways = new (Samples Seconds, Func<double> Export)[]
        {
            (new(@"psql \copy"), () => Cluster.Psql("-c", $@"\copy {Cluster.Table} TO '{to}' WITH (FORMAT csv)")),
            (new("Export-CitusToCsv"), () => cluster.Engine.Time(export)),
            (new("Export-CitusToCsv -Parallel"), () => cluster.Engine.Time($"{export} -Parallel -WarningAction Stop")),
            (new("Export-CitusToCsv -Parallel -Compress"), () => cluster.Engine.Time($"{export} -Parallel -Compress -WarningAction Stop")),
        };
        try
        {
            foreach (var way in ways) way.Export();
            for (int round = 1; round <= runs; round++)
            {
                foreach (var way in ways.Skip(round % ways.Length).Concat(ways.Take(round % ways.Length)))
                {
                    way.Seconds.Add(way.Export());
                    Console.Error.WriteLine($"{round}/{runs} {way.Seconds.Name}: {Report.Number(way.Seconds.Max, 2)} s at most");
                }
            }
        }
        finally
        {
            File.Delete(to);
        }
        var report = new Report("export", @"Export-CitusToCsv against psql \copy");
        report.Paragraph($"{cluster.Description} {rows} events, {Report.Megabytes(file.Length)} MB of CSV, {runs} rounds; "
            + "psql with its start, which takes some hundredths of a second, the cmdlet without.");
        report.Table(["way", "seconds, median", "min", "max", "of psql, median of pairs", "MB/s"], ways.Select(way => (string[])
        [
            way.Seconds.Name, Report.Number(way.Seconds.Median, 2), Report.Number(way.Seconds.Min, 2), Report.Number(way.Seconds.Max, 2),
            Report.Number(way.Seconds.RatioTo(ways[0].Seconds).Median, 2), Report.Megabytes(file.Length / way.Seconds.Median),
        ]));
        report.Save();
        return 0;
    }
}
