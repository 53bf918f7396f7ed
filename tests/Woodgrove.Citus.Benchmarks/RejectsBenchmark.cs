namespace Woodgrove.Citus.Benchmarks;

/// <summary>A file with bad rows spread over it against the same file without, by each route that rejects them.</summary>
internal static class RejectsBenchmark
{
    public static int Run(Options options)
    {
        (int rows, int bad, int runs) = (options.Number("rows", 1_000_000), options.Number("bad", 1_000), options.Number("runs", 5));
        FileInfo clean = EventsFile.OfRows(rows);
        string spoilt = Path.Combine(Path.GetTempPath(), $"woodgrove-benchmark-spoilt-{Environment.ProcessId}.csv");
        string rejects = Path.ChangeExtension(spoilt, ".rejects.csv");
        Spoil(clean.FullName, spoilt, rows / bad);
        using var cluster = new Cluster(options);
        cluster.CreateTable();
        var ways = new[] { "Shard", "Coordinator" }.Select(
            route => (Clean: new Samples($"{route} route, clean"), Spoilt: new Samples($"{route} route, {bad} bad rows"), Route: route))
            .ToList();
        try
        {
            for (int round = 0; round <= runs; round++)
            {
                foreach (var way in ways)
                {
                    cluster.Clear();
                    double good = cluster.Engine.Time(Cluster.ImportScript(clean, way.Route));
                    cluster.Clear();
                    double sifted = cluster.Engine.Time(
                        $"$result = {Cluster.ImportScript(new FileInfo(spoilt), way.Route)["$null = ".Length..]} -OnError Skip "
                            + $"-RejectPath '{rejects}'");
                    string found = cluster.Engine.Run("\"$($result.Rows) $($result.Rejected)\"").Single().ToString();
                    if (found != $"{rows - bad} {bad}")
                        throw new InvalidOperationException($"{way.Route}: {found} rows and rejects, not {rows - bad} {bad}.");
                    Console.Error.WriteLine($"{round}/{runs} {way.Route}: clean {Report.Number(good, 2)} s, "
                        + $"with bad rows {Report.Number(sifted, 2)} s");
                    if (round == 0) continue; // warms the caches and the code
                    way.Clean.Add(good);
                    way.Spoilt.Add(sifted);
                }
            }
        }
        finally
        {
            File.Delete(spoilt);
            File.Delete(rejects);
            File.Delete(Path.ChangeExtension(rejects, ".errors.csv"));
        }
        var report = new Report("rejects", "Bad rows rejected, against a clean load");
        report.Paragraph($"{cluster.Description} {rows} events, {Report.Megabytes(clean.Length)} MB, "
            + $"of which {bad} have no number for a key; {runs} rounds.");
        report.Table(["", "seconds, median", "min", "max", "of clean, median of pairs"],
            ways.SelectMany(w => new[] { (Own: w.Clean, w.Clean), (Own: w.Spoilt, w.Clean) }).Select(s => new[]
        {
            s.Own.Name, Report.Number(s.Own.Median, 2), Report.Number(s.Own.Min, 2), Report.Number(s.Own.Max, 2),
            Report.Number(s.Own.RatioTo(s.Clean).Median, 2),
        }));
        report.Save();
        return 0;
    }

    /// <summary>Copies a file and puts a letter before each n-th row.</summary>
    private static void Spoil(string from, string to, int every)
    {
        using var writer = new StreamWriter(to) { NewLine = "\n" };
        int row = 0;
        foreach (string line in File.ReadLines(from)) writer.WriteLine(row++ % every == every / 2 ? "x" + line : line);
    }
}
