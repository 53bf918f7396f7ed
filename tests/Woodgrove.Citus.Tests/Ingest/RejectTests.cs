using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Refused rows are set aside, as they stood, with the reason.</summary>
public sealed class RejectTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Csv = """
        id,user_id,note
        1,1,good
        x,1,no number
        2,,no user
        3,2,"two
        lines"
        4,2
        5,3,bad word
        6,3,"last, ""good"""

        """;

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Refused_rows_are_set_aside_and_load_once_mended(string route)
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text CHECK (note <> 'bad word'), PRIMARY KEY (id, user_id)", "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (3, 2, 'there already')");
        Cluster.Execute($"DELETE FROM {table}");
        Shell["path"] = Cluster.File("mixed.csv", Csv.Replace("\r\n", "\n", StringComparison.Ordinal));
        Shell["rejects"] = Path.Combine(Cluster.Folder, "rejects.csv");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -OnError Skip -RejectPath $rejects").Single;

        Assert.Equal((3L, 4L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(["1\t1\tgood", "3\t2\ttwo\\nlines", "6\t3\tlast, \"good\""], Cluster.Rows(table));
        Assert.Equal("id,user_id,note\nx,1,no number\n2,,no user\n4,2\n5,3,bad word\n", File.ReadAllText(Path.Combine(Cluster.Folder, "rejects.csv")));
        string[] errors = File.ReadAllLines(Path.Combine(Cluster.Folder, "rejects.errors.csv"));
        Assert.Equal("line,column,sqlstate,message", errors[0]);
        Assert.Equal(["3,id,22P02", "4,user_id", "7,", "8,"], errors.Skip(1).Select((e, i) => e[..new[] { 10, 9, 2, 2 }[i]]));
        Assert.Contains("22P04", errors[3], StringComparison.Ordinal);
        Assert.Contains("23514", errors[4], StringComparison.Ordinal);

        File.WriteAllText(Path.Combine(Cluster.Folder, "rejects.csv"), "id,user_id,note\n7,1,no number\n2,4,no user\n4,2,more\n5,3,word\n");
        Assert.Equal(4L, Shell.Run($"Import-CsvToCitus $rejects {table}").Single.Get("Rows"));
        Assert.Equal(7, Cluster.Count(table));
    }

    [Fact]
    public void Too_many_refused_rows_end_the_load_and_leave_nothing()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        Shell["path"] = Cluster.File("worse.csv", "id,user_id,note\n1,1,a\nx,1,b\ny,1,c\n");
        Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors 1").Failed("CitusTooManyErrors");
        Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors 50%").Failed("CitusTooManyErrors");
        Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors lots").Failed("CitusInvalidErrorLimit");
        Assert.Equal(0, Cluster.Count(table));
        Assert.Equal(2L, Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors 2").Single.Get("Rejected"));
        Assert.Equal(["1\t1\ta"], Cluster.Rows(table));
    }
}
