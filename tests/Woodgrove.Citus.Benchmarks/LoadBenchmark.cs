namespace Woodgrove.Citus.Benchmarks;

/// <summary>The same file into the same table, each way in turn.</summary>
internal static class LoadBenchmark
{
    public static int Run(Options options)
    {
        (int rows, int runs) = (options.Number("rows", 6_000_000), options.Number("runs", 5));
        FileInfo file = EventsFile.OfRows(rows);
        using var cluster = new Cluster(options);
        cluster.CreateTable();

        var report = new Report("load", @"Import-CsvToCitus against psql \copy");
        report.Paragraph($"{cluster.Description} {rows} events, {Report.Megabytes(file.Length)} MB, {runs} rounds; "
            + "every load's rows and content checked.");
        var ways = new List<Way>
        {
            new(@"psql \copy", () => (Cluster.PsqlCopy(file), 0)),
        };
        // The stand-in has no workers that know the cluster.
        foreach (string route in cluster.IsCitus ? new[] { "Coordinator", "Worker", "Shard" } : ["Coordinator", "Shard"])
        {
            string import = Cluster.ImportScript(file, route);
            ways.Add(new($"{route} route, cmdlet", () => (cluster.Engine.Time(import), 0)));
            ways.Add(new($"{route} route, process", () => Child.RunOnModule($"$null = Connect-CitusCluster; {import}")));
        }
        // The first load of each kind finds cold caches and uncompiled code; a load of the first megabytes is enough to warm both.
        foreach (Way way in ways) Warm(cluster, way);
        string? expected = null;
        for (int round = 1; round <= runs; round++)
        {
            // Turned by one each round, so that no way always follows the same other.
            foreach (Way way in ways.Skip(round % ways.Count).Concat(ways.Take(round % ways.Count)))
            {
                cluster.Clear();
                (double seconds, long peak) = way.Load();
                way.Seconds.Add(seconds);
                way.PeakBytes = Math.Max(way.PeakBytes, peak);
                string found = cluster.Checksum();
                expected ??= found;
                Console.Error.WriteLine($"{round}/{runs} {way.Name}: {Report.Number(seconds, 2)} s");
                if (found != expected || !found.StartsWith($"{rows} ", StringComparison.Ordinal))
                    throw new InvalidOperationException($"{way.Name} loaded '{found}' (rows, checksum), "
                        + $"not '{rows}' rows as '{expected}'.");
            }
        }
        report.Table(["way", "seconds, median", "min", "max", @"of psql, median of pairs", "min", "max", "MB/s", "peak MB"],
            ways.Select(w => w.Row(ways[0].Seconds, file.Length)));
        report.Save();
        return 0;
    }

    private static void Warm(Cluster cluster, Way way)
    {
        cluster.Clear();
        way.Load();
        Console.Error.WriteLine($"warmed {way.Name}");
    }

    private sealed class Way(string name, Func<(double Seconds, long PeakBytes)> load)
    {
        public string Name => name;
        public Func<(double Seconds, long PeakBytes)> Load => load;
        public Samples Seconds { get; } = new(name);

        /// <summary>Of the client's process, where it is one of its own; else 0.</summary>
        public long PeakBytes { get; set; }

        public string[] Row(Samples psql, long bytes)
        {
            Samples ratio = Seconds.RatioTo(psql);
            return
            [
                name, Report.Number(Seconds.Median, 2), Report.Number(Seconds.Min, 2), Report.Number(Seconds.Max, 2),
                Report.Number(ratio.Median, 2), Report.Number(ratio.Min, 2), Report.Number(ratio.Max, 2),
                Report.Megabytes(bytes / Seconds.Median), PeakBytes == 0 ? "" : Report.Megabytes(PeakBytes),
            ];
        }
    }
}
