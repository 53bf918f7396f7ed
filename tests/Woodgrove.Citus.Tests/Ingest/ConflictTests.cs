using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Rows whose keys the table has already, and tables that are emptied first.</summary>
public sealed class ConflictTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Csv = "id,user_id,note\n1,1,new 1\n2,2,new 2\n2,2,newer 2\n3,3,new 3\n";

    private string TableWithRows()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text DEFAULT 'none', extra int DEFAULT 5, PRIMARY KEY (id, "
            + "user_id)", "user_id");
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
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM {table} WHERE note <> 'note ' || CASE WHEN id < 10000 THEN id + 30000 "
            + "ELSE id END"));
        Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Update -Resume").Failed("CitusImportComplete");
    }

    /// <summary>The rows before the last checkpoint were in it alone.</summary>
    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    [InlineData("Worker")]
    public void An_import_whose_staging_table_was_dropped_is_not_continued(string route)
    {
        if (route == "Worker") Cluster.RequireCitus();
        string table = TableWithRows();
        string rows = "id,user_id,note\n" + string.Concat(Enumerable.Range(0, 30_000).Select(i => $"{i},{i},note {i}\n"));
        Shell["path"] = Cluster.File($"{table}.csv", rows + "x,1,bad\n");
        Guid import = Guid.NewGuid();
        string load = $"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 256KB -ImportId {import}";
        Shell.Run($"{load} -OnConflict Update").Failed("CitusRowRefused");
        Cluster.Execute($"DROP TABLE woodgrove.staging_{import:N}");
        Shell["path"] = Cluster.File($"{table}.csv", rows);

        foreach (string again in (string[])[load, $"{load} -OnConflict Update", $"{load} -OnConflict Update"])
        {
            ErrorRecord error = Shell.Run(again).Failed("CitusStagingTableDropped");
            Assert.Contains($"woodgrove.staging_{import:N}", error.Exception.Message, StringComparison.Ordinal);
            Assert.Contains($"Remove-CitusImport {import}", error.Exception.Message, StringComparison.Ordinal);
        }
        Assert.Equal(2L, Cluster.Count(table));

        // As the advice says.
        Shell.Run($"Remove-CitusImport {import}").Succeeded();
        Assert.Equal(30_000L, Shell.Run($"{load} -OnConflict Update").Single.Get("Rows"));
        Assert.Equal(30_000L, Cluster.Count(table));
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void An_import_without_a_conflict_rule_may_be_continued_with_one(string route)
    {
        string table = TableWithRows();
        Cluster.Execute($"DELETE FROM {table}");
        string rows = "id,user_id,note\n" + string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i},{i},note {i}\n"));
        Shell["path"] = Cluster.File($"{table}.csv", rows + "x,1,bad\n");
        string load = $"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 256KB -ImportId {Guid.NewGuid()}";
        Shell.Run(load).Failed("CitusRowRefused");
        Assert.InRange(Cluster.Count(table), 1, 39_999);
        Shell.Run($"{load} -OnConflict Update").Failed("CitusRowRefused"); // it has rows in both tables now
        Shell["path"] = Cluster.File($"{table}.csv", rows);

        Shell.Run($"{load} -OnConflict Update").Succeeded();

        Assert.Equal(40_000L, Cluster.Scalar($"SELECT count(*) FROM {table} WHERE note = 'note ' || id"));
    }

    /// <summary>A unique key takes no two NULLs for the same, unless it says so.</summary>
    [Theory]
    [InlineData("Coordinator", "Skip", "")]
    [InlineData("Coordinator", "Update", "")]
    [InlineData("Shard", "Skip", "")]
    [InlineData("Coordinator", "Skip", "NULLS NOT DISTINCT")]
    public void Rows_with_NULL_in_a_key_clash_only_where_the_key_says_so(string route, string action, string nulls)
    {
        string table = Cluster.Distribute($"user_id bigint, code text, note text, UNIQUE {nulls} (user_id, code)", "user_id");
        Shell["path"] = Cluster.File("nulls.csv", "user_id,code,note\n1,,a\n1,,b\n1,x,c\n1,x,d\n");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -OnConflict {action} -Route {route}").Single;
        Shell.Run($"[pscustomobject] @{{ user_id = 1; code = $null; note = 'e' }}, [pscustomobject] @{{ user_id = 1; code = $null; note = 'f' }} "
            + $"| Add-CitusRow {table} -OnConflict {action}").Succeeded();

        (string notes, long rows) = nulls.Length > 0 ? ("ac", 2L) : (action == "Skip" ? "abcef" : "abdef", 3L);
        Assert.Equal(notes, Cluster.Scalar($"SELECT string_agg(note, '' ORDER BY note) FROM {table}"));
        Assert.Equal((rows, 4 - rows), (result.Get("Rows"), result.Get("Conflicts")));
    }

    [Fact]
    public void Rows_set_an_identity_column_that_is_always_generated()
    {
        string table = Cluster.NewName("always");
        Cluster.Execute($"CREATE TABLE {table} (id bigint GENERATED ALWAYS AS IDENTITY, code text UNIQUE, note text)");
        Cluster.AtEnd($"DROP TABLE {table}");
        Cluster.Execute($"INSERT INTO {table} (code, note) VALUES ('a', 'old')");
        Shell["path"] = Cluster.File("always.csv", "id,code,note\n7,a,new\n8,b,new\n");

        Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Update").Succeeded();

        Assert.Equal(["1\ta\tnew", "8\tb\tnew"], Cluster.Rows(table));
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
        Shell.Run($"Import-CsvToCitus $bad {table} -Truncate -Route {route} -MaxErrors 0 -OnError {onError}")
            .Failed(onError == "Stop" ? "CitusRowRefused" : "CitusTooManyErrors");
        Assert.Equal(["1\t1\told 1\t9", "4\t4\told 4\t9"], Cluster.Rows(table));

        Shell["good"] = Cluster.File("good-conflicts.csv", "id,user_id,note\n7,7,seven\n");
        Assert.Equal(1L, Shell.Run($"Import-CsvToCitus $good {table} -Truncate -Route {route} -OnError {onError}").Single.Get("Rows"));
        Assert.Equal(["7\t7\tseven\t5"], Cluster.Rows(table));
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void Of_rows_of_uneven_width_the_last_counts_too(string route)
    {
        // Short rows fill the gaps that wide ones left on earlier pages, so their place does not tell their order.
        string table = Cluster.Distribute("user_id bigint PRIMARY KEY, n int, filler text", "user_id");
        int[] widths = [5, 900, 40, 3000, 200];
        Shell["path"] = Cluster.File("uneven.csv",
            "user_id,n,filler\n" + string.Concat(Enumerable.Range(0, 20_000)
                .Select(i => $"{i % 50},{i},{new string('x', widths[i * 7919 % 5])}\n")));

        foreach ((string action, int first) in new[] { ("Update", 19_950), ("Skip", 0) })
        {
            Cluster.Execute($"TRUNCATE {table}");
            PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -OnConflict {action} -Route {route}").Single;
            Assert.Equal((50L, 19_950L), (result.Get("Rows"), result.Get("Conflicts")));
            Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i}\t{first + i}").Order(StringComparer.Ordinal),
                Cluster.Rows(table, "user_id, n"));
        }
        Assert.Equal(50L, Shell.Get($"Get-CitusImport").First(i => (string)i.Get("Table")! == $"public.{table}").Get("Rows"));
    }

    [Fact]
    public void A_table_of_a_distributed_schema_counts_what_gave_way_too()
    {
        Cluster.RequireCitus();
        string schema = Cluster.NewName("tenant");
        Cluster.Execute($"CREATE SCHEMA {schema}; SELECT citus_schema_distribute('{schema}')");
        Cluster.AtEnd($"DROP SCHEMA {schema} CASCADE");
        Cluster.Execute($"CREATE TABLE {schema}.notes (id bigint PRIMARY KEY, user_id bigint, note text)");
        Cluster.Execute($"INSERT INTO {schema}.notes VALUES (1, 1, 'old 1')");
        Shell["path"] = Cluster.File("conflicts.csv", Csv);

        PSObject result = Shell.Run($"Import-CsvToCitus $path {schema}.notes -OnConflict Skip").Single;

        Assert.Equal((2L, 2L), (result.Get("Rows"), result.Get("Conflicts")));
        Assert.Equal("1 old 1, 2 new 2, 3 new 3",
            Cluster.Scalar($"SELECT string_agg(id || ' ' || note, ', ' ORDER BY id) FROM {schema}.notes"));
    }

    [Fact]
    public void What_a_killed_load_gathered_and_never_committed_is_dropped()
    {
        string table = TableWithRows();
        Shell.Run($"Import-CsvToCitus $path {table} -OnConflict Skip").Succeeded(); // makes the ledger
        string import = Guid.NewGuid().ToString("N");
        Cluster.Execute($"CREATE TABLE woodgrove.staging_{import} (id int)");

        Shell.Run("Get-CitusImport").Succeeded();
        Assert.Equal(1L, Cluster.Scalar("SELECT count(*) FROM pg_class WHERE relname LIKE 'staging_%'"));

        PSObject step = Shell.Run("Repair-CitusImport").Single;

        Assert.Equal(("Dropped", Guid.Parse(import)), (step.Get("Action")!.ToString(), step.Get("ImportId")));
        Assert.Equal(0L, Cluster.Scalar("SELECT count(*) FROM pg_class WHERE relname LIKE 'staging_%'"));
    }

    [Fact]
    public void Of_several_files_only_the_first_empties_the_table()
    {
        string table = Cluster.Distribute("user_id bigint, note text", "user_id");
        string folder = Path.Combine(Cluster.Folder, "several");
        Directory.CreateDirectory(folder);
        for (int i = 1; i <= 4; i++) File.WriteAllText(Path.Combine(folder, $"{i}.csv"), $"user_id,note\n{i},file {i}\n");
        File.WriteAllText(Path.Combine(folder, "0.csv"), "user_id,note\nx,bad\n");
        Shell["folder"] = folder;
        foreach (string options in new[] { "", "-ThrottleLimit 3" })
        {
            Cluster.Execute($"INSERT INTO {table} VALUES (9, 'old')");
            RunResult result = Shell.Run($"Import-CsvToCitus $folder {table} -Truncate {options}");
            Assert.Equal(("CitusRowRefused", 4), (Assert.Single(result.Errors).FullyQualifiedErrorId.Split(',')[0], result.Output.Count));
            Assert.Equal(["1\tfile 1", "2\tfile 2", "3\tfile 3", "4\tfile 4"], Cluster.Rows(table));
        }
    }

    [Fact]
    public void A_truncate_that_is_refused_leaves_no_lock_behind()
    {
        string users = Cluster.Distribute("user_id bigint PRIMARY KEY", "user_id");
        string orders = Cluster.Distribute("id bigint, user_id bigint REFERENCES " + users, "user_id", colocateWith: users);
        Shell["path"] = Cluster.File("users.csv", "user_id\n1\n");
        Guid import = Guid.NewGuid();
        Assert.NotEmpty(Shell.Run($"Import-CsvToCitus $path {users} -Truncate -ImportId {import} -Route Coordinator").Errors);
        Assert.Equal(0L, Cluster.Scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1464815428 AND objsubid "
            + "= 2"));
        Assert.Equal(0L, Cluster.Count(orders));
    }
}
