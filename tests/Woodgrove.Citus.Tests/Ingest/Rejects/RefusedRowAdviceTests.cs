using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest.Rejects;

/// <summary>What a refused row is advised fits its value, and loads the file.</summary>
public sealed class RefusedRowAdviceTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory]
    [InlineData("id bigint, n int", "id,n\n1,N/A\n2,5\n", "", "-NullValue '', 'N/A'")]
    [InlineData("id bigint, n int", "id,n\n1,N/A\n2,-\n3,\n", "-NullValue '-', ''", "-NullValue '-', '', 'N/A'")]
    [InlineData("id bigint, n int", "id,n\n1,\"\"\n2,5\n", "", "-ForceNull n")]
    [InlineData("id bigint, d date", "id,d\n1,31/12/2024\n", "", "-DateTimeFormat 'dd/MM/yyyy'")]
    [InlineData("id bigint, n numeric", "id;n\n1;12,5\n", "-Delimiter ';'", "-Culture de-DE")]
    public void Parameter_that_is_advised_loads_the_file(string columns, string text, string given, string advised)
    {
        Cluster.Require();
        string table = Cluster.Distribute(columns, "id");
        Shell["file"] = Write(text);

        ErrorRecord refused = Shell.Run($"Import-CsvToCitus $file {table} {given}").Failed("CitusRowRefused");
        Assert.Contains(advised, refused.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(0L, Cluster.Count(table));

        if (given.Split(' ')[0] == advised.Split(' ')[0]) given = ""; // it takes the place of what was given
        Assert.True((bool)Shell.Run($"Test-CitusCsv $file {table} {given} {advised}").Single.Get("IsClean")!);
        Shell.Run($"Import-CsvToCitus $file {table} {given} {advised}").Succeeded();
        Assert.Equal(text.Split('\n').Length - 2L, Cluster.Count(table));
    }

    [Theory]
    [InlineData("id,d\n1,2024-01-01\n", "-NoHeader", "Leave out -NoHeader", "")]
    [InlineData("id,d\n1,2024-01-01\n\uFEFFid,d\n2,2024-01-02\n", "", "byte order mark", "-OnError Skip")]
    [InlineData("id,d\n1,2024-01-01\nid,d\n2,2024-01-02\n", "", "second header", "-OnError Skip")]
    public void Header_among_the_rows_is_recognized(string text, string given, string said, string instead)
    {
        Cluster.Require();
        string table = Cluster.Distribute("id bigint, d date", "id");
        Shell["file"] = Write(text);
        foreach (string route in new[] { "Coordinator", "Shard" })
        {
            if (route == "Shard" && !Cluster.IsCitus) continue;
            ErrorRecord refused = Shell.Run($"Import-CsvToCitus $file {table} {given} -Route {route}").Failed("CitusRowRefused");
            Assert.Contains(said, refused.Exception.Message, StringComparison.Ordinal);
        }

        Shell.Run($"Import-CsvToCitus $file {table} {instead}");
        Assert.Equal(text.Split('\n').Count(l => l.Contains("2024", StringComparison.Ordinal)), (int)Cluster.Count(table));
    }

    [Fact]
    public void Value_of_many_megabytes_gives_a_short_message()
    {
        Cluster.Require();
        string table = Cluster.Distribute("id bigint, n int", "id");
        Shell["file"] = Write($"id,n\n1,\"{new string('x', 5_000_000)}\"\n");

        Assert.InRange(Shell.Run($"Import-CsvToCitus $file {table} -Route Coordinator").Failed("CitusRowRefused").Exception.Message.Length,
            100, 2000);
    }

    private string Write(string text)
    {
        string path = Path.Combine(Cluster.Folder, Cluster.NewName("advice") + ".csv");
        File.WriteAllText(path, text);
        return path;
    }
}
