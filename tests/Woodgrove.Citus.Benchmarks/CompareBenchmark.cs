using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Sandbox;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>Two clusters with the same events, compared each way in turn.</summary>
internal static class CompareBenchmark
{
    public static int Run(Options options)
    {
        (int rows, int runs) = (options.Number("rows", 2_000_000), options.Number("runs", 5));
        FileInfo file = EventsFile.OfRows(rows);
        using var cluster = new Cluster(options);
        cluster.CreateTable();
        cluster.Engine.Run(Cluster.ImportScript(file, "Auto"));
        string source = Name(cluster.Engine.Run("Get-CitusConnection")[^1]);
        PSObject other = cluster.Engine.Run("Start-CitusSandbox -WarningAction SilentlyContinue").Single();
        cluster.CreateTable();
        cluster.Engine.Run(Cluster.ImportScript(file, "Auto"));
        string target = Name(other);
        string sides = string.Join(' ', new[] { source, target }.Select(name => Address(cluster.Engine, name)));
        var ways = new (Samples Seconds, Func<double> Compare)[]
        {
            (new(@"psql \copy | sort | md5sum"), () => Pipes(sides, "LC_ALL=C sort -S 512M |")),
            (new(@"psql \copy | md5sum, which needs rows of one order"), () => Pipes(sides, "")),
            (new("Compare-CitusTable"), () => cluster.Engine.Time($"if (-not (Compare-CitusTable {Cluster.Table} -From '{source}' "
                + $"-To '{target}').IsEqual) {{ throw 'not equal' }}")),
        };
        foreach (var way in ways) way.Compare();
        for (int round = 1; round <= runs; round++)
        {
            foreach (var way in ways.Skip(round % ways.Length).Concat(ways.Take(round % ways.Length)))
            {
                way.Seconds.Add(way.Compare());
                Console.Error.WriteLine($"{round}/{runs} {way.Seconds.Name}: {Report.Number(way.Seconds.Max, 2)} s at most");
            }
        }
        cluster.Engine.Run($"Invoke-CitusQuery 'DELETE FROM {Cluster.Table} WHERE event_id = 7' -Connection '{target}'");
        double damaged = cluster.Engine.Time($"if ((Compare-CitusTable {Cluster.Table} -From '{source}' -To '{target}').Differences.Count "
            + "-ne 1) { throw 'not one difference' }");

        var report = new Report("compare", @"Compare-CitusTable against psql \copy");
        report.Paragraph($"{cluster.Description} Two such clusters, with {rows} events each, {Report.Megabytes(file.Length)} MB of CSV; "
            + $"{runs} rounds. The pipes of both clusters run at the same time, and only their checksums are compared. With one row lost, "
            + $"Compare-CitusTable took {Report.Number(damaged, 2)} s, once, and named the row.");
        report.Table(["way", "seconds, median", "min", "max", "of the sorted pipes, median of pairs"], ways.Select(way => (string[])
        [
            way.Seconds.Name, Report.Number(way.Seconds.Median, 2), Report.Number(way.Seconds.Min, 2), Report.Number(way.Seconds.Max, 2),
            Report.Number(way.Seconds.RatioTo(ways[0].Seconds).Median, 2),
        ]));
        report.Save();
        return 0;
    }

    private static string Name(PSObject connection) => (string)connection.Properties["Name"].Value;

    private static string Address(Engine engine, string name)
    {
        PSObject sandbox = engine.Run($"Get-CitusSandbox | Where-Object Name -EQ '{name}'").Single();
        return string.Create(CultureInfo.InvariantCulture,
            $"'host={sandbox.Properties["Server"].Value} port={sandbox.Properties["Port"].Value} "
            + $"dbname=citus user=postgres passfile={sandbox.Properties["Path"].Value}/pgpass'");
    }

    private static double Pipes(string sides, string sort)
    {
        string program = PostgresInstallation.Find().Program("psql");
        string psql = File.Exists(program) ? program : "psql";
        return Child.Run("sh", "-c", $"for side in {sides}; do '{psql}' -X -q -d \"$side\" -c '\\copy {Cluster.Table} to stdout' | {sort} "
            + "md5sum & done; wait").Seconds;
    }
}
