namespace Woodgrove.Citus.Benchmarks;

/// <summary>The client's peak memory by route and size of input.</summary>
internal static class MemoryBenchmark
{
    public static int Run(Options options)
    {
        int rows = options.Number("rows", 2_000_000);
        using var cluster = new Cluster(options);
        cluster.CreateTable();
        var report = new Report("memory", "Peak memory of Import-CsvToCitus");
        long idle = Child.RunOnModule("$null = Connect-CitusCluster").PeakBytes;
        report.Paragraph($"{cluster.Description} Peak working set of the whole process; "
            + $"connected and idle it is {Report.Megabytes(idle)} MB.");
        var lines = new List<string[]>();
        foreach (int size in new[] { rows, rows * 10 })
        {
            FileInfo file = EventsFile.OfRows(size);
            foreach (string route in new[] { "Coordinator", "Shard" })
            {
                cluster.Clear();
                long peak = Child.RunOnModule($"$null = Connect-CitusCluster; {Cluster.ImportScript(file, route)}").PeakBytes;
                lines.Add([$"{route} route, {Report.Megabytes(file.Length)} MB", Report.Megabytes(peak), Report.Megabytes(peak - idle)]);
                Console.Error.WriteLine(string.Join(", ", lines[^1]));
            }
        }
        report.Table(["load", "peak MB", "over idle, MB"], lines);
        report.Save();
        return 0;
    }
}
