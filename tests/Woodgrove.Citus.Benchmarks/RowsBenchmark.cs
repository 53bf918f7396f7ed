using System.Globalization;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>The same rows as objects from Import-Csv, and as psql's \copy.</summary>
internal static class RowsBenchmark
{
    private const string Header = "event_id, event_type, user_id, merchant_id, event_details, created_at";

    public static int Run(Options options)
    {
        (int rows, int runs) = (options.Number("rows", 200_000), options.Number("runs", 5));
        FileInfo file = EventsFile.OfRows(rows);
        using var cluster = new Cluster(options);
        cluster.CreateTable();
        (Samples psql, Samples read, Samples add) = (new(@"psql \copy"), new("Import-Csv | Out-Null"), new("Import-Csv | Add-CitusRow"));
        string csv = $"Import-Csv -LiteralPath '{file.FullName}' -Header {Header}";
        for (int round = 0; round <= runs; round++)
        {
            cluster.Clear();
            double copied = Cluster.PsqlCopy(file);
            string expected = cluster.Checksum();
            cluster.Clear();
            // The first rows compile the code on the way; a session that loads rows all day pays for that once.
            string[] seconds = Child.RunScript($$"""
                Import-Module '{{Metadata.ModuleManifest}}'; $null = Connect-CitusCluster
                {{csv}} | Select-Object -First 2000 | Add-CitusRow {{Cluster.Table}} | Out-Null
                $null = Invoke-CitusQuery 'TRUNCATE {{Cluster.Table}}'
                (Measure-Command { {{csv}} | Out-Null }).TotalSeconds.ToString([cultureinfo]::InvariantCulture)
                (Measure-Command { {{csv}} | Add-CitusRow {{Cluster.Table}} }).TotalSeconds.ToString([cultureinfo]::InvariantCulture)
                """).Output.Split('\n');
            if (cluster.Checksum() is var found && found != expected)
                throw new InvalidOperationException($"Add-CitusRow loaded '{found}' (rows, checksum), not '{expected}'.");
            Console.Error.WriteLine($"{round}/{runs} psql {Report.Number(copied, 2)} s, Import-Csv {seconds[0]} s, "
                + $"Add-CitusRow {seconds[1]} s");
            if (round == 0) continue; // warms the caches
            psql.Add(copied);
            read.Add(double.Parse(seconds[0], CultureInfo.InvariantCulture));
            add.Add(double.Parse(seconds[1], CultureInfo.InvariantCulture));
        }
        var report = new Report("rows", @"Import-Csv | Add-CitusRow against psql \copy");
        report.Paragraph($"{cluster.Description} {rows} events, {Report.Megabytes(file.Length)} MB of CSV, {runs} rounds; "
            + "every load's rows and content checked.");
        report.Table(["", "seconds, median", "min", "max", "of psql, median of pairs"], new[] { psql, read, add }.Select(s => new[]
        {
            s.Name, Report.Number(s.Median, 2), Report.Number(s.Min, 2), Report.Number(s.Max, 2), Report.Number(s.RatioTo(psql).Median, 2),
        }));
        report.Save();
        return 0;
    }
}
