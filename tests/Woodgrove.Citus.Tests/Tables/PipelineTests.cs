using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Tables;

/// <summary>Tables and nodes by pipeline and by pattern.</summary>
public sealed class PipelineTests : ClusterTest
{
    private readonly string _stem, _table, _other, _reference;

    public PipelineTests(ClusterFixture cluster) : base(cluster)
    {
        _stem = cluster.NewName("piped");
        _table = cluster.Distribute("id bigint PRIMARY KEY", "id", $"{_stem}_a");
        _other = cluster.Distribute("id bigint PRIMARY KEY", "id", $"{_stem}_b", colocateWith: _table);
        cluster.Execute($"INSERT INTO {_table} SELECT generate_series(1, 100)");
        _reference = cluster.CreateTable("id bigint PRIMARY KEY", $"{_stem}_ref");
        cluster.Execute($"SELECT create_reference_table('{_reference}')");
    }

    [Theory]
    [InlineData("Bytes")]
    [InlineData("Rows")]
    public void Reference_tables_in_the_pipe_end_no_measurement(string by)
    {
        RunResult run = Shell.Run($"& {{ $ErrorActionPreference = 'Stop'; Get-DistributedTable {_stem}* | Measure-ShardSkew -By {by} "
            + $"-Verbose }}");

        Assert.Equal([_table, _other], run.Succeeded().Output.Select(s => s.Get("Table")).Order());
        Assert.Contains(run.Verbose, v => v.StartsWith($"{_reference} is not distributed by a column", StringComparison.Ordinal));
        Shell.Run($"Measure-ShardSkew {_reference}").Failed("CitusNotDistributed");
    }

    [Fact]
    public void Colocation_is_tested_of_what_is_piped_and_a_reference_table_hides_no_difference()
    {
        string apart = Cluster.Distribute("id bigint PRIMARY KEY", "id", $"{_stem}_c");

        Assert.True((bool)Shell.Run($"& {{ $ErrorActionPreference = 'Stop'; Get-DistributedTable {_stem}_[ab], "
            + $"{_reference} | Test-Colocation }}").Single.BaseObject);
        Assert.False((bool)Shell.Run($"Test-Colocation {_reference}, {_table}, {apart}").Single.BaseObject);
    }

    [Fact]
    public void An_empty_pipe_stands_for_no_table()
    {
        foreach (string cmdlet in new[]
            { "Get-DistributedTable", "Get-Colocation", "Measure-ShardSkew", "Get-ShardPlacement", "Test-Colocation" })
            Assert.Empty(Shell.Get($"Get-DistributedTable {_stem}_none* | {cmdlet}"));
    }

    [Fact]
    public void Patterns_stand_for_tables_wherever_tables_are_read()
    {
        string[] all = [_table, _other, _reference];

        Assert.Equal(all, Shell.Get($"Get-DistributedTable {_stem}*").Select(t => t.Get("Table")));
        Assert.Equal(all, Shell.Get($"Get-DistributedTable public.{_stem}*").Select(t => t.Get("Table")));
        Assert.Equal(all, Shell.Get($"Get-ShardPlacement {_stem}*").Select(t => t.Get("Table")).Distinct());
        Assert.Equal([_table, _other], Shell.Get($"Measure-ShardSkew {_stem.ToUpperInvariant()}*").Select(t => t.Get("Table")).Order());
        Assert.Contains(_table, (IEnumerable<string>)Shell.Run($"Get-Colocation {_stem}_a*").Single.Get("Tables")!);
        Assert.True((bool)Shell.Run($"Test-Colocation {_stem}_[ab]").Single.BaseObject);
        Assert.NotEmpty(Shell.Get($"Find-DistributionColumn {_stem}_a*"));
        Assert.Empty(Shell.Get("Measure-ShardSkew none_is_called*"));
        Shell.Run("Get-DistributedTable none_is_called").Failed("CitusTableNotFound");
    }

    [Theory]
    [InlineData("Get-CitusConnection")]
    [InlineData("Get-CitusNodeClone")]
    [InlineData("Get-CitusRestorePoint")]
    [InlineData("Get-CitusSetting")]
    [InlineData("Get-DistributedSchema")]
    [InlineData("Get-DistributedTable")]
    [InlineData("Get-ShardPlacement -Node")]
    [InlineData("Find-DistributionPlan")]
    public void An_invalid_pattern_is_refused_also_where_there_is_nothing_to_compare(string cmdlet)
    {
        Cluster.RequireCitus();

        ErrorRecord error = Assert.Single(Shell.Run($"{cmdlet} 'a['").Errors);

        Assert.Contains("a[", error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_in_double_quotes_is_no_pattern()
    {
        string odd = Cluster.Distribute("id bigint PRIMARY KEY", "id", $"{_stem}*");

        Assert.Equal($"\"{odd}\"", Shell.Run($"Get-DistributedTable '\"{odd}\"'").Single.Get("Table"));
        Assert.Equal($"\"{odd}\"", Shell.Run($"Get-DistributedTable '\"{odd}\"' | Measure-ShardSkew").Single.Get("Table"));
    }

    [Fact]
    public void Placements_are_those_of_the_node_that_is_piped_or_named()
    {
        PSObject node = Shell.Get("Get-CitusNode")[^1];
        string name = $"{node.Get("NodeName")}:{node.Get("NodePort")}";

        IReadOnlyList<PSObject> piped = Shell.Get($"(Get-CitusNode)[-1] | Get-ShardPlacement {_table}");

        Assert.NotEmpty(piped);
        Assert.Equal(Cluster.Scalar("SELECT count(*) FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE logicalrelid = "
            + $"'{_table}'::regclass AND groupid = {node.Get("GroupId")}"), (long)piped.Count);
        Assert.All(piped, p => Assert.Equal(node.Get("NodePort"), p.Get("NodePort")));
        Assert.Equal(piped.Count, Shell.Get($"Get-ShardPlacement {_table} -Node {name}").Count);
        Assert.Empty(Shell.Get($"Get-ShardPlacement {_table} -Node nowhere*"));
    }

    [Fact]
    public void A_report_is_about_what_is_piped_or_is_not_written()
    {
        string page = Path.Combine(Cluster.Folder, "piped.html");
        Shell["page"] = page;

        Shell.Run($"Get-DistributedTable {_table} | Export-CitusReport $page").Succeeded();
        string text = File.ReadAllText(page);
        Assert.Contains($"data-table=\"{_table}\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain($"data-table=\"{_other}\"", text, StringComparison.Ordinal);

        File.Delete(page);
        Assert.Contains(Shell.Run("Get-CitusNode | Export-CitusReport $page").Errors,
            e => e.FullyQualifiedErrorId.StartsWith("CitusNothingToReport", StringComparison.Ordinal));
        Assert.Contains(Shell.Run("Get-DistributedTable none_is_called* | Export-CitusReport $page").Errors,
            e => e.FullyQualifiedErrorId.StartsWith("CitusNothingToReport", StringComparison.Ordinal));
        Assert.False(File.Exists(page));
    }

    [Fact]
    public void The_module_s_own_tables_are_shown_only_where_they_are_asked_for()
    {
        Cluster.Execute("CREATE SCHEMA IF NOT EXISTS woodgrove");
        string own = $"woodgrove.{_stem}_own";
        Cluster.Execute($"CREATE TABLE {own} (id bigint, n serial); SELECT create_distributed_table('{own}', 'id', "
            + "colocate_with := 'none', shard_count := 4)");
        Cluster.Execute($"CREATE INDEX ON {own} (n)");
        Cluster.Execute($"UPDATE pg_index SET indisvalid = false WHERE indrelid = '{own}'::regclass");
        try
        {
            Shell["page"] = Path.Combine(Cluster.Folder, "module.html");
            foreach (string list in new[] { "Get-DistributedTable", "Get-ShardPlacement", "Measure-ShardSkew", "Get-DistributedTable *" })
                Assert.DoesNotContain(own, Shell.Get(list).Select(t => t.Get("Table")));
            Assert.DoesNotContain(own, Shell.Get("Get-Colocation").SelectMany(g => (IEnumerable<string>)g.Get("Tables")!));
            Assert.DoesNotContain(own, Complete("Get-ShardPlacement "));
            Assert.DoesNotContain(own, string.Join('\n', Shell.Get("Test-CitusCluster | ForEach-Object { \"$($_.Actual) $($_.Evidence) "
                + "$($_.Fix)\" }")), StringComparison.Ordinal);
            Shell.Run("Export-CitusReport $page").Succeeded();
            Assert.DoesNotContain(own, File.ReadAllText((string)Shell["page"]!), StringComparison.Ordinal);

            foreach (string list in new[]
                { "Get-DistributedTable -IncludeModule", "Get-ShardPlacement -IncludeModule", $"Measure-ShardSkew {own}",
                    "Get-DistributedTable woodgrove.*" })
                Assert.Contains(own, Shell.Get(list).Select(t => t.Get("Table")));
            // The stand-in replicates nothing.
            foreach (string check in (string[])["NarrowSequences", "InvalidIndexes", .. Cluster.IsCitus ? (string[])["ReplicaIdentity"] : []])
                Assert.Contains(own, Shell.Run($"Test-CitusCluster {check} -IncludeModule | ForEach-Object {{ \"$($_.Actual) $($_.Evidence) "
                    + "$($_.Fix)\" }").Single.ToString(), StringComparison.Ordinal);
            Assert.Contains(own, Shell.Get("Measure-ShardSkew -IncludeModule").Select(t => t.Get("Table")));
            Shell.Run("Export-CitusReport $page -IncludeModule").Succeeded();
            Assert.Contains(own, File.ReadAllText((string)Shell["page"]!), StringComparison.Ordinal);
            Assert.Contains(own, Shell.Get("Get-Colocation -IncludeModule").SelectMany(g => (IEnumerable<string>)g.Get("Tables")!));
            Assert.Contains(own, Complete("Get-ShardPlacement woodgrove."));
        }
        finally
        {
            Cluster.Execute($"DROP TABLE {own}");
        }
    }

    [Theory]
    [InlineData("Get-CitusSetting | Out-Null; Test-CitusCsv x -Encoding win", "windows-1252")]
    [InlineData("Import-CsvToCitus x t -Culture de-", "de-DE")]
    [InlineData("Test-CitusCluster -Threshold ", "@{ TableSkew = 3 }")]
    [InlineData("Invoke-CitusValidation -Tag Sh", "Shards")]
    [InlineData("Connect-CitusCluster -Service w", "woodgrove-service")]
    public void Arguments_are_completed(string line, string completed)
    {
        string services = Cluster.File("pg_service.conf", "[woodgrove-service]\nhost=127.0.0.1\n");
        Environment.SetEnvironmentVariable("PGSERVICEFILE", services);
        try
        {
            Assert.Contains(completed, Complete(line));
        }
        finally
        {
            Environment.SetEnvironmentVariable("PGSERVICEFILE", null);
        }
    }

    [Fact]
    public void Ids_of_imports_are_completed_with_what_each_loads()
    {
        Shell["csv"] = Cluster.File("completed.csv", "id\n1001\n1002\n");
        object id = Shell.Run($"Import-CsvToCitus $csv {_table} -Checkpoint 100").Single.Get("ImportId")!;

        foreach (string cmdlet in new[] { "Get-CitusImport", "Remove-CitusImport", "Repair-CitusImport", "Import-CsvToCitus x t" })
            Assert.Contains(id.ToString()!, Complete($"{cmdlet} -ImportId "));
        string screen = Shell.Run($"Get-CitusImport {id} | Out-Host").Screen;
        Assert.Contains("completed.csv", screen, StringComparison.Ordinal);
        Assert.Contains(DateTime.Now.ToString("yyyy-MM-dd ", System.Globalization.CultureInfo.InvariantCulture), screen,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_load_without_checkpoints_is_seen_while_it_runs()
    {
        string table = Cluster.CreateTable("id bigint");
        string path = Cluster.File("running.csv", "id\n1\n");
        using var other = new ModuleHost();
        other["connectionString"] = Cluster.ConnectionString;
        other["csv"] = path;
        other.Run("$null = Connect-CitusCluster -ConnectionString $connectionString").Succeeded();
        Task<RunResult> load;
        await using (NpgsqlConnection holder = await Cluster.Database.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            await using var hold = new NpgsqlCommand($"BEGIN; LOCK TABLE {table} IN SHARE MODE", holder);
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            load = Task.Run(() => other.Run($"Import-CsvToCitus $csv {table} -Route Coordinator -WarningAction Ignore"),
                TestContext.Current.CancellationToken);
            PSObject? seen = null;
            for (int i = 0; i < 100 && seen is null; i++)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
                seen = Shell.Get("Get-CitusImport").FirstOrDefault(l => (string)l.Get("Table")! == $"public.{table}");
            }
            Assert.NotNull(seen);
            Assert.Equal(("Running", path, "Coordinator"), (seen.Get("State")!.ToString(), seen.Get("Source"), seen.Get("Route")));
            Assert.Equal(1L, Cluster.Scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'woodgrove_import "
                + $"{seen.Get("ImportId")}'"));
            hold.CommandText = "ROLLBACK";
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
        (await load).Succeeded();
        Assert.DoesNotContain(Shell.Get("Get-CitusImport"), l => (string)l.Get("Table")! == $"public.{table}");
    }

    [Fact]
    public void The_default_connection_is_marked()
    {
        object? before = Shell.Get("Get-CitusConnection | Where-Object IsDefault").Single().Get("Name");
        Shell["connectionString"] = Cluster.ConnectionString;
        Shell.Run("$null = Connect-CitusCluster -ConnectionString $connectionString -Name another").Succeeded();
        try
        {
            Assert.Equal("another", Shell.Get("Get-CitusConnection | Where-Object IsDefault").Single().Get("Name"));
            Assert.Matches(@"(?m)^\* +another ", Shell.Run("Get-CitusConnection | Out-Host").Screen);
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster another");
        }
        Assert.Equal(before, Shell.Get("Get-CitusConnection | Where-Object IsDefault").Single().Get("Name"));
    }

    [Theory]
    [InlineData("UTC")]
    [InlineData("Asia/Tokyo")]
    [InlineData("America/St_Johns")]
    public void A_local_time_is_the_same_moment_whatever_the_session_s_time_zone(string zone)
    {
        var moment = new DateTime(2026, 7, 1, 12, 34, 56, DateTimeKind.Local);
        string table = Cluster.CreateTable("t timestamptz");
        Shell["moment"] = moment;
        Shell["connectionString"] = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Timezone = zone }.ConnectionString;
        Shell.Run("$zoned = Connect-CitusCluster -ConnectionString $connectionString -Name zoned").Succeeded();
        try
        {
            Shell.Run($"Invoke-CitusQuery 'INSERT INTO {table} VALUES (@t)' -Parameter @{{ t = $moment }} -Connection zoned").Succeeded();
            Assert.Equal(new DateTimeOffset(moment).ToUnixTimeSeconds(),
                Convert.ToInt64(Cluster.Scalar($"SELECT extract(epoch FROM t)::bigint FROM {table}"),
                    System.Globalization.CultureInfo.InvariantCulture));
            object read = Shell.Run($"Invoke-CitusQuery 'SELECT t FROM {table} WHERE t = @t' -Parameter @{{ t = $moment }} -Connection "
                + "zoned").Single.Get("t")!;
            Assert.Equal(moment.ToUniversalTime(), read is DateTimeOffset offset ? offset.UtcDateTime : ((DateTime)read).ToUniversalTime());
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster zoned");
        }
    }

    [Theory]
    [InlineData("xü\n%'\"\\\u0001😀", 500)]
    [InlineData("", 1)]
    public void Rows_are_counted_without_libxml_whatever_their_keys_hold(string unit, int times)
    {
        string value = string.Concat(Enumerable.Repeat(unit, times));
        string table = Cluster.Distribute("id text, n int", "id");
        using (NpgsqlCommand insert = Cluster.Database.CreateCommand($"INSERT INTO {table} SELECT @v, i FROM generate_series(1, 90) i"))
        {
            insert.Parameters.AddWithValue("v", value);
            insert.ExecuteNonQuery();
        }
        // As on a server that was built without it: there is no function to call.
        string rename(string from, string to) => $"ALTER FUNCTION pg_catalog.{from}(text, boolean, boolean, text) RENAME TO {to}";
        OnNodes(rename("query_to_xml", "query_to_no_xml"));
        try
        {
            PSObject skew = Shell.Run($"Measure-ShardSkew {table} -By Rows").Single;
            object heaviest = Assert.Single(((System.Collections.IEnumerable)skew.Get("HeaviestValues")!).Cast<object>());
            Assert.Equal((value, 90L), ((string)heaviest.Get("Value")!, (long)heaviest.Get("Rows")!));
            Assert.NotEmpty(Shell.Get("Get-CitusActivity -All"));
        }
        finally
        {
            OnNodes(rename("query_to_no_xml", "query_to_xml"));
        }
    }

    private void OnNodes(string sql)
    {
        foreach (int port in Shell.Get("Get-CitusNode").Select(n => (int)n.Get("NodePort")!))
        {
            using var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Port = port,
                Pooling = false }.ConnectionString);
            session.Open();
            using var command = new NpgsqlCommand($"SET citus.enable_ddl_propagation = off; {sql}", session);
            command.ExecuteNonQuery();
        }
    }

    private string[] Complete(string line)
    {
        Shell["line"] = line;
        return [.. Shell.Get("[System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, "
            + "$null).CompletionMatches").Select(m => ((string)m.Get("CompletionText")!).Trim('\''))];
    }
}
