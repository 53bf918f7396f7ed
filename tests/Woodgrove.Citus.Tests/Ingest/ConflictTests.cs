using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Rows whose keys the table has already, and tables that are emptied first.</summary>
public sealed class ConflictTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Csv = "id,user_id,note\n1,1,new 1\n2,2,new 2\n2,2,newer 2\n3,3,new 3\n";

    private string TableWithRows()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text DEFAULT 'none', extra int DEFAULT 5, PRIMARY KEY (id, user_id)", "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (1, 1, 'old 1', 9), (4, 4, 'old 4', 9)");
        Shell["path"] = Cluster.File("conflicts.csv", Csv);
        return table;
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void Update_overwrites_the_columns_that_the_file_has_and_the_last_row_counts(string route)
    {
        string table = TableWithRows();
        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Update -Route {route}").Single;
        Assert.Equal((3L, 1L), (result.Get("Rows"), result.Get("Conflicts")));
        Assert.Equal(["1\t1\tnew 1\t9", "2\t2\tnewer 2\t5", "3\t3\tnew 3\t5", "4\t4\told 4\t9"], Cluster.Rows(table));
        Assert.Equal(0L, Cluster.Scalar("SELECT count(*) FROM pg_class WHERE relname LIKE 'staging_%'"));
    }

    [Fact]
    public void Skip_leaves_the_rows_that_are_there_and_the_first_of_the_file()
    {
        string table = TableWithRows();
        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Skip").Single;
        Assert.Equal((2L, 2L), (result.Get("Rows"), result.Get("Conflicts")));
        Assert.Equal(["1\t1\told 1\t9", "2\t2\tnew 2\t5", "3\t3\tnew 3\t5", "4\t4\told 4\t9"], Cluster.Rows(table));
    }

    [Fact]
    public void Refused_row_leaves_neither_rows_nor_a_staging_table()
    {
        string table = TableWithRows();
        Shell["path"] = Cluster.File("conflicts.csv", Csv + "x,5,bad\n");
        Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Update").Failed("CitusRowRefused");
        Assert.Equal(["1\t1\told 1\t9", "4\t4\told 4\t9"], Cluster.Rows(table));
        Assert.Equal(0L, Cluster.Scalar("SELECT count(*) FROM pg_class WHERE relname LIKE 'staging_%'"));

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Update -OnError Skip").Single;
        Assert.Equal((3L, 1L, 1L), (result.Get("Rows"), result.Get("Conflicts"), result.Get("Rejected")));
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void Interrupted_load_is_resumed_and_shows_nothing_before_its_end(string route)
    {
        string table = TableWithRows();
        string rows = "id,user_id,note\n" + string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i % 30_000},{i % 30_000},note {i}\n"));
        Shell["path"] = Cluster.File("upsert.csv", rows + "x,1,bad\n");
        Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Update -Route {route} -Checkpoint 256KB").Failed("CitusRowRefused");
        Assert.Equal(2L, Cluster.Count(table));
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Failed("CitusImportNeedsOnConflict");

        Shell["path"] = Cluster.File("upsert.csv", rows);
        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Update -Route {route} -Checkpoint 256KB -Resume").Single;

        Assert.Equal((30_000L, 10_000L), (result.Get("Rows"), result.Get("Conflicts")));
        Assert.Equal(30_000L, Cluster.Count(table));
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM {table} WHERE note <> 'note ' || CASE WHEN id < 10000 THEN id + 30000 ELSE id END"));
        Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Update -Resume").Failed("CitusImportComplete");
    }

    [Fact]
    public void Key_must_be_one_that_the_table_has()
    {
        string table = TableWithRows();
        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Skip -KeyColumn id").Failed("CitusNoConflictKey");
        Assert.Contains("(id, user_id)", error.Exception.Message, StringComparison.Ordinal);
        string keyless = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        Shell.Run($"Import-CsvToCitus $path {keyless} -OnConflict Skip").Failed("CitusNoConflictKey");
        Assert.Equal(4L, Shell.Run($"Import-CsvToCitus $path {keyless}").Single.Get("Rows"));
    }

    [Theory]
    [InlineData("Coordinator", "Stop")]
    [InlineData("Shard", "Stop")]
    [InlineData("Shard", "Skip")]
    [InlineData("Coordinator", "Skip")]
    public void Truncate_replaces_the_rows_or_none(string route, string onError)
    {
        string table = TableWithRows();
        Shell["bad"] = Cluster.File("bad-conflicts.csv", Csv + (onError == "Stop" ? "x,5,bad\n" : "2,2,again\n1,,null\n"));
        Shell.Run($"Import-CsvToCitus $bad {table} -Truncate -Route {route} -MaxErrors 0 -OnError {onError}").Failed(onError == "Stop" ? "CitusRowRefused" : "CitusTooManyErrors");
        Assert.Equal(["1\t1\told 1\t9", "4\t4\told 4\t9"], Cluster.Rows(table));

        Shell["good"] = Cluster.File("good-conflicts.csv", "id,user_id,note\n7,7,seven\n");
        Assert.Equal(1L, Shell.Run($"Import-CsvToCitus $good {table} -Truncate -Route {route} -OnError {onError}").Single.Get("Rows"));
        Assert.Equal(["7\t7\tseven\t5"], Cluster.Rows(table));
    }
}
