using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Lines above a file's header: Excel's own, titles, and those that -SkipLines names.</summary>
public sealed class PreambleTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Titled = "Payments report\nproduced 2026-01-02, \"draft\n\nid,name\n5,a\n6,b\n";

    [Theory]
    [InlineData("sep=;\r\nid;name\r\n5;a\r\n6;b\r\n", "-SkipLines 1")]
    [InlineData("Payments report\nproduced 2026-01-02\n\nid,name\n5,a\n6,b\n", "-SkipLines 3")]
    [InlineData("sep=|\nPayments report\nid|name\n5|a\n6|b\n", "-SkipLines 2")]
    [InlineData("Id;Customer,full\nid,name\n5,a\n6,b\n", "-SkipLines 1")]
    public void A_header_below_other_lines_is_found_and_told(string text, string told)
    {
        string table = Cluster.Distribute("id bigint, name text", "id");
        Shell["file"] = Cluster.File(Cluster.NewName("titled") + ".csv", text);

        RunResult tested = Shell.Run($"Test-CitusCsv $file {table}");
        RunResult loaded = Shell.Run($"Import-CsvToCitus $file {table}");

        Assert.True((bool)tested.Single.Get("IsClean")!);
        Assert.Equal(2L, loaded.Single.Get("Rows"));
        Assert.Contains(tested.Warnings, w => w.Contains(told, StringComparison.Ordinal));
        Assert.Equal(tested.Warnings, loaded.Warnings);
        Assert.Equal(["5\ta", "6\tb"], Cluster.Rows(table));
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public void Named_lines_are_skipped_whatever_they_hold_and_line_numbers_are_the_files(string lineEnd)
    {
        string table = Cluster.Distribute("id bigint, name text", "id");
        Shell["file"] = Cluster.File(Cluster.NewName("titled") + ".csv",
            (Titled + "x,c\n7,d\n").Replace("\n", lineEnd, StringComparison.Ordinal));

        object problem = Assert.Single((IEnumerable<object>)Shell.Run($"Test-CitusCsv $file {table} -SkipLines 3").Single.Get("Problems")!);
        Assert.Equal((7L, "id"), (problem.Get("Line"), problem.Get("Column")));
        foreach (string route in new[] { "Coordinator", "Shard" })
        {
            Assert.Contains(", line 7,",
                Shell.Run($"Import-CsvToCitus $file {table} -SkipLines 3 -Route {route}").Failed("CitusRowRefused").Exception.Message,
                StringComparison.Ordinal);
            PSObject skipped = Shell.Run($"Import-CsvToCitus $file {table} -SkipLines 3 -Route {route} -OnError Skip").Single;
            Assert.Equal((3L, 7L), (skipped.Get("Rows"), Assert.Single((IEnumerable<object>)skipped.Get("Rejects")!).Get("Line")));
        }
        Assert.Equal("id", ((IEnumerable<object>)Shell.Get("Find-DistributionColumn -Path $file -SkipLines 3")[0].Get(
            "Column")!.ToString()!.Split(' ')).First());
        Assert.Contains("line 4: the header names 'name'",
            Shell.Run($"Import-CsvToCitus $file {Cluster.Distribute("id bigint", "id")} -SkipLines 3")
                .Failed("CitusUnknownColumn").Exception.Message, StringComparison.Ordinal);
        Shell.Run($"Import-CsvToCitus $file {table} -SkipLines 30").Failed("CitusCsvEmpty");
        Assert.Equal(4L, Shell.Run(
            $"Import-CsvToCitus $file {Cluster.Distribute("id text, name text", "id")} -SkipLines 4 -NoHeader").Single.Get("Rows"));
    }

    [Fact]
    public void A_file_with_skipped_lines_is_resumed()
    {
        string table = Cluster.Distribute("id bigint, name text", "id");
        string[] rows = [.. Enumerable.Range(1, 60_000)
            .Select(i => i == 50_000 ? "x,bad\n" : string.Create(CultureInfo.InvariantCulture, $"{i},{new string('n', i % 10)}\n"))];
        string path = Cluster.File(Cluster.NewName("titled") + ".csv", "A report\n\nid,name\n" + string.Concat(rows));
        Shell["file"] = path;

        string message = Shell.Run($"Import-CsvToCitus $file {table} -Checkpoint 10000").Failed("CitusRowRefused").Exception.Message;
        Assert.Contains(", line 50003,", message, StringComparison.Ordinal);
        Assert.True(Cluster.Count(table) > 0, message);
        rows[49_999] = "5,mended\n";
        Cluster.File(Path.GetFileName(path), "A report\n\nid,name\n" + string.Concat(rows));
        Shell.Get($"Import-CsvToCitus $file {table} -Checkpoint 10000 -Resume -SkipLines 2");
        Assert.Equal(60_000L, Cluster.Count(table));
        Shell.Run($"Import-CsvToCitus $file {table} -Checkpoint 10000 -Resume").Failed("CitusImportComplete");
    }

    [Fact]
    public void Without_a_table_Excels_line_is_a_problem_and_the_names_are_those_below_it()
    {
        Shell["file"] = Cluster.File(Cluster.NewName("titled") + ".csv", "sep=;\r\nid;name\r\n1;a\r\n");

        PSObject profile = Shell.Run("Test-CitusCsv $file").Single;
        Assert.Contains("sep=", (string)Assert.Single((IEnumerable<object>)profile.Get("Problems")!).Get("Reason")!,
            StringComparison.Ordinal);
        Assert.Equal(["id", "name"], ((IEnumerable<object>)profile.Get("Columns")!).Select(c => c.Get("Name")));
        Assert.True((bool)Shell.Run("Test-CitusCsv $file -SkipLines 1").Single.Get("IsClean")!);
    }
}
