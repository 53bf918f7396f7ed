namespace Woodgrove.Citus.Benchmarks;

/// <summary>What it costs to rewrite rows on their way, against the same file as it is.</summary>
internal static class ConvertBenchmark
{
    private const string Skip = "-Column event_id, event_type, user_id, merchant_id, event_details, created_at -SkipColumn merchant_id";

    private static readonly (string Name, string Options)[] Ways =
    [
        ("as they stand", ""),
        ("a field left out", Skip),
        ("a column added", Skip + " -StaticColumn @{ merchant_id = 7 }"),
        ("times converted", "-DateTimeFormat 'yyyy-MM-dd HH:mm:ss'"),
        ("-OnConflict Skip", "-OnConflict Skip"),
    ];

    public static int Run(Options options)
    {
        (int rows, int runs) = (options.Number("rows", 1_000_000), options.Number("runs", 5));
        FileInfo file = EventsFile.OfRows(rows);
        using var cluster = new Cluster(options);
        cluster.CreateTable();
        var ways = new[] { "Shard", "Coordinator" }.SelectMany(
            route => Ways.Select(w => (Route: route, w.Options, Seconds: new Samples($"{route} route, {w.Name}")))).ToList();
        for (int round = 0; round <= runs; round++)
        {
            foreach (var way in ways)
            {
                cluster.Clear();
                double seconds = cluster.Engine.Time($"{Cluster.ImportScript(file, way.Route)} {way.Options}");
                if (!cluster.Checksum().StartsWith($"{rows} ", StringComparison.Ordinal))
                    throw new InvalidOperationException($"{way.Seconds.Name} did not load {rows} rows.");
                Console.Error.WriteLine($"{round}/{runs} {way.Seconds.Name}: {Report.Number(seconds, 2)} s");
                if (round > 0) way.Seconds.Add(seconds); // the first warms the caches and the code
            }
        }
        var report = new Report("convert", "Rows rewritten, against rows as they are");
        report.Paragraph($"{cluster.Description} {rows} events, {Report.Megabytes(file.Length)} MB, {runs} rounds.");
        report.Table(["", "seconds, median", "min", "max", "of rows as they stand, median of pairs"], ways.Select(w => new[]
        {
            w.Seconds.Name, Report.Number(w.Seconds.Median, 2), Report.Number(w.Seconds.Min, 2), Report.Number(w.Seconds.Max, 2),
            Report.Number(w.Seconds.RatioTo(ways.First(o => o.Route == w.Route).Seconds).Median, 2),
        }));
        report.Save();
        return 0;
    }
}
