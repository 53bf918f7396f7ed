using System.IO.Compression;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Export;

/// <summary>What a query changes is committed once its rows are in the file, and not before.</summary>
public sealed class ExportCommitTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory]
    [InlineData("", false)]
    [InlineData("-Compress", false)]
    [InlineData("", true)]
    public void Rows_that_a_query_deletes_are_still_there_when_their_file_could_not_be_written(string how, bool isDistributed)
    {
        if (isDistributed) Cluster.RequireCitus();
        const string columns = "id bigint, note text";
        string table = isDistributed ? Cluster.Distribute(columns, "id") : Cluster.CreateTable(columns);
        Cluster.Execute($"INSERT INTO {table} SELECT i, 'note' FROM generate_series(1, 100) i");
        Cluster.Execute($"INSERT INTO {table} VALUES (101, 'Ж')");
        string path = Path.Combine(Cluster.Folder, table + ".csv");
        string export = $"Export-CitusToCsv -Query 'DELETE FROM {table} RETURNING id, note' -Path $to {how}";
        Shell["to"] = path;
        File.WriteAllText(path, "precious");

        Shell.Run($"{export} -Encoding windows-1252").Failed("CitusInvalidEncoding");

        Assert.Equal(101L, Cluster.Count(table));
        Assert.Equal("precious", File.ReadAllText(path));
        Assert.Equal(101L, Shell.Run(export).Single.Get("Rows"));
        Assert.Equal(0L, Cluster.Count(table));
        using Stream file = how.Length > 0 ? new GZipStream(File.OpenRead(path), CompressionMode.Decompress) : File.OpenRead(path);
        using var text = new StreamReader(file);
        Assert.Equal(Enumerable.Range(1, 100).Select(i => $"{i},note").Append("101,Ж").Append("id,note").Append("").Order(),
            text.ReadToEnd().Split('\n').Order());
    }

    [Fact]
    public void A_commit_that_fails_says_that_the_file_is_complete_and_the_rows_are_as_they_were()
    {
        string table = Cluster.CreateTable("id bigint PRIMARY KEY");
        Cluster.CreateTable($"id bigint REFERENCES {table} DEFERRABLE INITIALLY DEFERRED", table + "_child");
        Cluster.Execute($"INSERT INTO {table} VALUES (7); INSERT INTO {table}_child VALUES (7)");
        Shell["to"] = Path.Combine(Cluster.Folder, table + ".csv");

        ErrorRecord error = Shell.Run($"Export-CitusToCsv -Query 'DELETE FROM {table} RETURNING id' -Path $to")
            .Failed("CitusConstraintViolation");

        Assert.StartsWith($"{Shell["to"]} is complete with 1 row(s), but the transaction was rolled back: the query has changed nothing.",
            error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal("id\n7\n", File.ReadAllText((string)Shell["to"]!));
        Assert.Equal(1L, Cluster.Count(table));
    }
}
