using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>With -Resume a source is loaded once, whatever other sources have its name, and whatever names it has had.</summary>
public sealed class ResumedSourceTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Columns = "id bigint, user_id bigint, note text";

    [Fact]
    public void A_file_that_was_loaded_is_refused_though_another_file_of_its_name_was_loaded_since()
    {
        string table = Cluster.Distribute(Columns, "user_id"), name = $"{table}.csv";
        foreach (int day in new[] { 1, 2 })
        {
            Write(name, Rows(day, 100));
            Shell.Run($"Import-CsvToCitus $path {table} -Resume").Succeeded();
        }

        foreach (int day in new[] { 1, 2 })
        {
            Write(name, Rows(day, 100));
            Shell.Run($"Import-CsvToCitus $path {table} -Resume").Failed("CitusImportComplete");
        }

        Assert.Equal(200, Cluster.Count(table));
    }

    [Fact]
    public void An_interrupted_file_is_continued_though_another_file_of_its_name_was_loaded_since()
    {
        string table = Cluster.Distribute(Columns, "user_id"), name = $"{table}.csv", first = FaultCluster.Generate(40_000, 3);
        Write(name, first + "x,1,bad\n");
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB").Failed("CitusRowRefused");
        long begun = Cluster.Count(table);
        Assert.InRange(begun, 1, 39_999);
        Write(name, Rows(2, 100));
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB").Succeeded();

        Write(name, first);
        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Single;

        Assert.Equal(40_000 - begun, result.Get("Rows"));
        Assert.Equal(40_100, Cluster.Count(table));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\\.\n")]
    public void A_file_that_has_grown_since_it_was_loaded_is_refused(string end)
    {
        string table = Cluster.Distribute(Columns, "user_id"), name = $"{table}.csv";
        Write(name, Rows(1, 100));
        Shell.Run($"Import-CsvToCitus $path {table} -Resume").Succeeded();
        if (end.Length > 0 && Cluster.PostgresMajor < 18)
        {
            // What follows the line that ends the data is none of it.
            Write(name, Rows(1, 100) + end);
            Shell.Run($"Import-CsvToCitus $path {table} -Resume").Failed("CitusImportComplete");
        }
        Write(name, Rows(1, 120));

        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} -Resume").Failed("CitusSourceChanged");

        Assert.Contains("has grown since import", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("100 rows, are in", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(100, Cluster.Count(table));
        // The table is emptied first, so that nothing is doubled.
        Assert.Equal(120L, Shell.Run($"Import-CsvToCitus $path {table} -Resume -Truncate").Single.Get("Rows"));
        Assert.Equal(120, Cluster.Count(table));
    }

    [Fact]
    public void A_file_that_was_moved_while_its_import_was_interrupted_is_not_begun_anew()
    {
        string table = Cluster.Distribute(Columns, "user_id"), csv = FaultCluster.Generate(40_000, 4);
        Write($"{table}.csv", csv + "x,1,bad\n");
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Failed("CitusRowRefused");
        long begun = Cluster.Count(table);
        Assert.InRange(begun, 1, 39_999);
        Write($"{table}-moved.csv", csv);

        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Failed("CitusImportOfOtherSource");

        Assert.Equal(begun, Cluster.Count(table));
        string message = error.Exception.Message;
        int at = message.IndexOf("-ImportId ", StringComparison.Ordinal);
        // As the advice says.
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB {message.Substring(at, "-ImportId ".Length + 36)}").Succeeded();
        Assert.Equal(40_000, Cluster.Count(table));
        // Files that begin otherwise are none of its business.
        Write($"{table}-other.csv", Rows(7, 10));
        Shell.Run($"Import-CsvToCitus $path {table} -Resume").Succeeded();
        Assert.Equal(40_010, Cluster.Count(table));
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public async Task Two_loads_of_a_file_at_the_same_time_do_not_both_load_it(string route)
    {
        string table = Cluster.Distribute(Columns, "user_id");
        string path = Write($"{table}.csv", FaultCluster.Generate(2_000, 5));
        string load = $"Import-CsvToCitus '{path}' {table} -Route {route} -Resume";
        using var blocker = new NpgsqlConnection(Cluster.ConnectionString + ";Pooling=false");
        await blocker.OpenAsync(TestContext.Current.CancellationToken);
        Execute("BEGIN", $"LOCK TABLE {table} IN SHARE MODE");
        Shell["to"] = Cluster.ConnectionString;
        using Process first = Repository.StartScript(
            $"$null = Connect-CitusCluster -ConnectionString '{Cluster.ConnectionString}'; ({load}).Rows");
        string waiting = $"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass";
        for (int i = 0; i < 1200 && Cluster.Scalar(waiting) is 0L && !first.HasExited; i++)
            await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.NotEqual(0L, Cluster.Scalar(waiting));

        ErrorRecord error = Shell.Run(load).Failed("CitusImportRunning");

        Assert.Contains($"into public.{table} with -Resume", error.Exception.Message, StringComparison.Ordinal);
        Execute("COMMIT");
        await first.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("2000", (await first.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim());
        Shell.Run(load).Failed("CitusImportComplete");
        Assert.Equal(2_000, Cluster.Count(table));

        void Execute(params string[] statements)
        {
            foreach (string sql in statements)
            {
                using var command = new NpgsqlCommand(sql, blocker);
                command.ExecuteNonQuery();
            }
        }
    }

    private static string Rows(int day, int rows) => "id,user_id,note\n" + string.Concat(Enumerable.Range(1, rows)
        .Select(i => string.Create(CultureInfo.InvariantCulture, $"{i},{i % 7},day {day}\n")));

    private string Write(string name, string csv)
    {
        string path = Cluster.File(name, csv);
        Shell["path"] = path;
        return path;
    }
}
