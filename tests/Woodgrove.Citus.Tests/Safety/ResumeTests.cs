using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>An import goes on only where table and source are those that it began with.</summary>
public sealed class ResumeTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Columns = "id bigint, user_id bigint, note text";

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    [InlineData("Worker")]
    public void A_table_that_was_created_anew_is_not_gone_on_with(string route)
    {
        (string table, Guid import) = Interrupt(route);
        Cluster.Execute($"DROP TABLE {table}");
        Cluster.Distribute(Columns, "user_id", table);

        Refuse(table, route, import, "CitusImportTableChanged", $"Remove-CitusImport {import}");
        Assert.Equal(0, Cluster.Count(table));

        // As the advice says.
        Shell.Run($"Remove-CitusImport {import}").Succeeded();
        Assert.Equal(40_000L, Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 256KB -Resume").Single.Get("Rows"));
        Assert.Equal(40_000, Cluster.Count(table));
    }

    [Theory]
    [InlineData("Shard", "distribution_column := 'id'")]
    [InlineData("Worker", "distribution_column := 'id'")]
    [InlineData("Worker", "shard_count := 6")]
    [InlineData("Coordinator", "shard_count := 6")]
    public void A_table_that_is_distributed_in_another_way_is_not_gone_on_with(string route, string change)
    {
        Cluster.RequireCitus();
        (string table, Guid import) = Interrupt(route);
        long before = Cluster.Count(table);
        Cluster.Execute($"SELECT alter_distributed_table('{table}', {change})");

        Refuse(table, route, import, "CitusImportTableChanged", "alter_distributed_table");
        Assert.Equal(before, Cluster.Count(table));
    }

    [Fact]
    public void A_complete_import_of_a_table_that_was_created_anew_is_not_said_to_be_in_it()
    {
        string table = Cluster.Distribute(Columns, "user_id");
        Shell["path"] = Cluster.File("anew.csv", "id,user_id,note\n1,1,a\n");
        Shell.Run($"Import-CsvToCitus $path {table} -Resume").Succeeded();
        Shell.Run($"Import-CsvToCitus $path {table} -Resume").Failed("CitusImportComplete");
        Cluster.Execute($"DROP TABLE {table}");
        Cluster.Distribute(Columns, "user_id", table);

        Shell.Run($"Import-CsvToCitus $path {table} -Resume").Failed("CitusImportTableChanged");
    }

    [Fact]
    public void Resume_takes_the_latest_import_though_an_older_one_was_interrupted()
    {
        (string table, _) = Interrupt("Coordinator");
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Truncate").Succeeded();
        Assert.Equal(40_000, Cluster.Count(table));

        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -Resume").Failed("CitusImportComplete");

        Assert.Equal(40_000, Cluster.Count(table));
    }

    [Fact]
    public void A_refused_run_of_the_worker_route_leaves_nothing_in_the_ledger()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute(Columns, "user_id");
        Shell["path"] = Cluster.File("left.csv", "id,user_id,note\n1,1,a\n");
        Guid import = Guid.NewGuid();
        string load = $"Import-CsvToCitus $path {table} -Route Worker -ImportId {import}";
        Shell.Run(load).Succeeded();
        object? Parts() => Cluster.Scalar($"SELECT count(*) FROM woodgrove.import_part WHERE import_id = '{import}'");
        Assert.Equal(0L, Parts());
        Shell.Run(load).Failed("CitusImportComplete");
        Assert.Equal(0L, Parts());
    }

    /// <summary>Loads a file up to a row that is refused, then gives the file its good end.</summary>
    private (string Table, Guid Import) Interrupt(string route)
    {
        if (route == "Worker") Cluster.RequireCitus();
        string table = Cluster.Distribute(Columns, "user_id"), csv = FaultCluster.Generate(40_000, 3);
        Guid import = Guid.NewGuid();
        Shell["path"] = Cluster.File($"{table}.csv", csv + "x,1,bad\n");
        Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 256KB -ImportId {import}").Failed("CitusRowRefused");
        Assert.InRange(Cluster.Count(table), 1, 39_999);
        Cluster.File($"{table}.csv", csv);
        return (table, import);
    }

    private void Refuse(string table, string route, Guid import, string errorId, string says)
    {
        foreach (string how in new[] { $"-ImportId {import}", "-Resume" })
        {
            ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 256KB {how}").Failed(errorId);
            Assert.Contains(says, error.Exception.Message, StringComparison.Ordinal);
        }
    }
}
