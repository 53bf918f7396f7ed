using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>Imports whose rows -Truncate removes are not continued, and it removes no rows of the command's own files.</summary>
public sealed class EmptiedTableTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Columns = "id bigint, user_id bigint, note text";
    private const string Few = "id,user_id,note\n-1,1,few\n-2,2,few\n";

    private string _csv = "";

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void A_file_that_fails_after_a_checkpoint_keeps_its_rows_when_the_next_is_loaded(string route)
    {
        string table = Cluster.Distribute(Columns, "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (0, 0, 'old')");
        Interruptible(table);
        Shell["few"] = Cluster.File($"{table}-few.csv", Few);

        RunResult result = Shell.Run($"Import-CsvToCitus $path, $few {table} -Route {route} -Checkpoint 256KB -Truncate");

        Assert.Equal("CitusRowRefused", Assert.Single(result.Errors).FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(2L, Assert.Single(result.Output).Get("Rows"));
        Assert.InRange(Cluster.Count(table), 3, 40_001);
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM {table} WHERE note = 'old'"));
        Repair(table);
        Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 256KB -Resume").Succeeded();
        Assert.Equal(40_002, Cluster.Count(table));
    }

    [Theory]
    [InlineData("Coordinator", "")]
    [InlineData("Shard", "")]
    [InlineData("Shard", "-ThrottleLimit 3")]
    [InlineData("Auto", "-OnConflict Update")]
    public void A_command_that_is_repeated_keeps_what_it_has_loaded(string route, string options)
    {
        string table = Cluster.NewName();
        Cluster.Distribute($"{Columns}, PRIMARY KEY (user_id, id)", "user_id", table);
        foreach ((string variable, int first, string note) in new[] { ("a", 1, "a"), ("b", 11, "b"), ("c", 21, "c") })
            Shell[variable] = Cluster.File($"{table}-{variable}.csv", $"id,user_id,note\n{first},1,{note}\n{first + 1},2,{note}\n");
        string bad = Cluster.File($"{table}-c.csv", "id,user_id,note\nx,1,c\n");
        string load = $"Import-CsvToCitus $a, $b, $c {table} -Route {route} -Truncate -Resume {options}";
        Cluster.Execute($"INSERT INTO {table} VALUES (0, 0, 'old')");
        Assert.Equal(2, Shell.Run(load).Output.Count);
        File.WriteAllText(bad, "id,user_id,note\n21,1,c\n22,2,c\n");

        RunResult again = Shell.Run(load);

        Assert.Equal(["CitusImportComplete", "CitusImportComplete"], again.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Equal(["a", "a", "b", "b", "c", "c"], Cluster.Rows(table, "note"));
    }

    [Theory]
    [InlineData("Coordinator", "-Route Coordinator")]
    [InlineData("Coordinator", "-Route Shard")]
    [InlineData("Shard", "-Route Shard -Checkpoint 1MB")]
    [InlineData("Worker", "-Route Coordinator -Checkpoint 1MB")]
    [InlineData("Coordinator", "-OnConflict Update")]
    public void An_interrupted_import_begins_again_where_the_table_was_emptied(string route, string truncating)
    {
        if (route == "Worker") Cluster.RequireCitus();
        string table = Cluster.NewName();
        Cluster.Distribute($"{Columns}, PRIMARY KEY (user_id, id)", "user_id", table);
        Guid import = Guid.NewGuid();
        Interruptible(table);
        Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 256KB -ImportId {import}").Failed("CitusRowRefused");
        Assert.InRange(Cluster.Count(table), 1, 39_999);
        Shell["few"] = Cluster.File($"{table}-few.csv", Few);
        Shell.Run($"Import-CsvToCitus $few {table} {truncating} -Truncate").Succeeded();
        Assert.Equal(2, Cluster.Count(table));
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM woodgrove.import_batch WHERE import_id = '{import}'"));
        Repair(table);

        Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 256KB -ImportId {import}").Succeeded();

        Assert.Equal(40_002, Cluster.Count(table));
        Assert.Equal(40_000L, Cluster.Scalar($"SELECT count(DISTINCT id) FROM {table} WHERE id > 0"));
    }

    [Theory]
    [InlineData("-Route Coordinator")]
    [InlineData("-Route Shard")]
    [InlineData("-OnConflict Update")]
    public void A_table_is_emptied_on_all_nodes_whatever_the_roles_settings(string options)
    {
        Cluster.RequireCitus();
        string table = Cluster.NewName();
        Cluster.Distribute($"{Columns}, PRIMARY KEY (user_id, id)", "user_id", table);
        Cluster.Execute($"INSERT INTO {table} SELECT i, i, 'old' FROM generate_series(1, 100) i");
        Shell["few"] = Cluster.File($"{table}-few.csv", Few);
        Shell["to"] = Cluster.ConnectionString + ";Options=-c citus.enable_ddl_propagation=off";

        Shell.Run($"$c = Connect-CitusCluster -ConnectionString $to -Name {table}; try {{ Import-CsvToCitus $few {table} {options} "
            + $"-Truncate -Connection $c }} finally {{ Disconnect-CitusCluster {table} }}").Succeeded();

        Assert.Equal(["-1\t1\tfew", "-2\t2\tfew"], Cluster.Rows(table).Order(StringComparer.Ordinal));
        Assert.Equal("0", Cluster.Scalar("SELECT string_agg(DISTINCT result, ' ') FROM run_command_on_all_nodes("
            + "$$ SELECT count(*) FROM pg_class WHERE relname LIKE 'staging_%' $$)"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_import_is_continued_only_if_all_its_rows_are_in_its_staging_table(bool begunWithout)
    {
        string table = Cluster.NewName();
        Cluster.Distribute($"{Columns}, PRIMARY KEY (user_id, id)", "user_id", table);
        Interruptible(table);
        Guid import = Guid.NewGuid();
        string load = $"Import-CsvToCitus $path {table} -Checkpoint 256KB -ImportId {import}";
        if (begunWithout) Shell.Run(load).Failed("CitusRowRefused");
        Assert.Equal(begunWithout, Cluster.Count(table) > 0);
        Shell.Run($"{load} -OnConflict Update").Failed("CitusRowRefused");
        Shell["few"] = Cluster.File($"{table}-few.csv", Few);
        Shell.Run($"Import-CsvToCitus $few {table} -Truncate").Succeeded();
        Assert.Equal(!begunWithout, (long)Cluster.Scalar($"SELECT count(*) FROM woodgrove.import_batch WHERE import_id = '{import}'")! > 0);
        Repair(table);

        Shell.Run($"{load} -OnConflict Update").Succeeded();

        Assert.Equal(40_002, Cluster.Count(table));
        Assert.Equal(0L, Cluster.Scalar("SELECT count(*) FROM pg_class WHERE relname LIKE 'staging_%'"));
    }

    [Fact]
    public void A_table_is_not_emptied_under_an_import_that_runs()
    {
        string table = Cluster.Distribute(Columns, "user_id");
        Guid import = Guid.NewGuid();
        Interruptible(table);
        Shell.Run($"Import-CsvToCitus $path {table} -Checkpoint 256KB -ImportId {import}").Failed("CitusRowRefused");
        long before = Cluster.Count(table);
        // As its session does while it runs.
        using var session = new NpgsqlConnection(Cluster.ConnectionString + ";Pooling=false");
        session.Open();
        using (var hold = new NpgsqlCommand("SELECT pg_advisory_lock(1464815428, uuid_hash("
            + $"'{new Guid(import.ToByteArray(), bigEndian: true)}'))", session)) hold.ExecuteNonQuery();
        Shell["few"] = Cluster.File($"{table}-few.csv", Few);

        ErrorRecord error = Shell.Run($"Import-CsvToCitus $few {table} -Truncate").Failed("CitusImportRunning");

        Assert.Contains($"-Truncate would remove the rows that import {import}", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(before, Cluster.Count(table));
    }

    /// <summary>A file whose last row is refused.</summary>
    private void Interruptible(string table)
    {
        _csv = FaultCluster.Generate(40_000, 6);
        Shell["path"] = Cluster.File($"{table}.csv", _csv + "x,1,bad\n");
    }

    private void Repair(string table) => Cluster.File($"{table}.csv", _csv);
}
