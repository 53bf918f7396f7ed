using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Import-CsvToCitus with files that are as they should be.</summary>
public sealed class ImportTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Definition = "id bigint, user_id bigint, note text";

    [Fact]
    public void Rows_are_those_that_psql_s_copy_would_have_put()
    {
        const string columns = "event_id bigint, event_type text, user_id bigint, merchant_id bigint, event_details jsonb, "
            + "created_at timestamp, PRIMARY KEY (event_id, user_id)";
        string table = Cluster.Distribute(columns, "user_id"), expected = Cluster.CreateTable(columns);
        Shell["folder"] = Cluster.Folder;
        Shell.Get("New-CitusSampleData $folder -UserCount 500 -EventCount 30000");
        string path = Path.Combine(Cluster.Folder, "events.csv");
        Cluster.CopyAsPsql(expected, File.ReadAllBytes(path), "FORMAT csv");

        Shell["path"] = path;
        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -NoHeader").Single;

        Assert.Equal(Cluster.Rows(expected), Cluster.Rows(table));
        Assert.Equal(table, result.Get("Table"));
        Assert.Equal(path, result.Get("Source"));
        Assert.Equal(30_000L, result.Get("Rows"));
        Assert.Equal(new FileInfo(path).Length, result.Get("Bytes"));
        Assert.Equal("Coordinator", result.Get("Route")!.ToString());
        Assert.InRange((double)result.Get("RowsPerSecond")!, 30_000 / ((TimeSpan)result.Get("Duration")!).TotalSeconds * 0.99,
            30_000 / ((TimeSpan)result.Get("Duration")!).TotalSeconds * 1.01);
    }

    [Fact]
    public void Quotes_line_ends_commas_and_empty_texts_arrive_as_they_are()
    {
        const string text = "id,user_id,note\n1,1,\"a,b\"\n2,2,\"say \"\"hi\"\"\"\n3,3,\"two\nlines\"\n4,4,\"\"\n5,5,\n6,6, "
            + " spaces  \n7,7,\"\\.\"\n8,8,\\N\n9,9,ab\"c,\"d\n";
        string table = Cluster.Distribute(Definition, "user_id"), expected = Cluster.CreateTable(Definition);
        Cluster.CopyAsPsql(expected, Encoding.UTF8.GetBytes(text), "FORMAT csv, HEADER");

        Assert.Equal(9L, Import("odd.csv", text, table).Single.Get("Rows"));
        Assert.Equal(Cluster.Rows(expected), Cluster.Rows(table));
        Assert.Equal(1L, Cluster.Scalar($"SELECT count(*) FROM {table} WHERE note IS NULL"));
    }

    [Fact]
    public void Header_names_choose_the_columns_whatever_their_order_and_case()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text DEFAULT 'none', \"Mixed Case\" int", "user_id");

        Import("order.csv", "mixed case,USER_ID, id \n10,1,100\n20,2,200\n", table).Succeeded();

        Assert.Equal(["100\t1\tnone\t10", "200\t2\tnone\t20"], Cluster.Rows(table));
    }

    [Fact]
    public void Column_names_the_file_s_columns_with_a_header_or_without()
    {
        string table = Cluster.Distribute(Definition, "user_id");

        Import("named.csv", "a,b\n1,x\n", table, "-Column user_id, note").Succeeded();
        Import("bare.csv", "2,y\n", table, "-Column user_id, note -NoHeader").Succeeded();

        Assert.Equal(["\\N\t1\tx", "\\N\t2\ty"], Cluster.Rows(table));
    }

    [Theory]
    [InlineData("-Delimiter ';'", "id;user_id;note\n1;1;a,b\n", "1\t1\ta,b")]
    [InlineData("-Delimiter \"`t\"", "id\tuser_id\tnote\n1\t1\ta,b\n", "1\t1\ta,b")]
    [InlineData("-Quote \"'\"", "id,user_id,note\n1,1,'a,''b'\n", "1\t1\ta,'b")]
    [InlineData("-Escape '\\'", "id,user_id,note\n1,1,\"a \\\"b\\\" c\"\n", "1\t1\ta \"b\" c")]
    [InlineData("-NullValue NULL", "id,user_id,note\nNULL,1,NULL\n", "\\N\t1\t\\N")]
    [InlineData("-NullValue '\\N'", "id,user_id,note\n1,1,\\N\n", "1\t1\t\\N")]
    public void Dialects_are_read_as_they_are_told(string options, string text, string row)
    {
        string table = Cluster.Distribute(Definition, "user_id");

        Import("dialect.csv", text, table, options).Succeeded();

        Assert.Equal([row], Cluster.Rows(table));
    }

    [Theory]
    [InlineData("utf-8", true, "\n", "")]
    [InlineData("utf-8", false, "\r\n", "")]
    [InlineData("utf-8", false, "\r", "")]
    [InlineData("utf-16", true, "\r\n", "")]
    [InlineData("utf-16", false, "\n", "")]
    [InlineData("utf-16BE", true, "\n", "")]
    [InlineData("utf-16BE", false, "\r\n", "")]
    [InlineData("utf-16", false, "\n", "-Encoding unicode")]
    [InlineData("windows-1252", false, "\r\n", "-Encoding windows-1252")]
    [InlineData("windows-1252", false, "\n", "-Encoding 1252")]
    [InlineData("iso-8859-15", false, "\n", "-Encoding iso-8859-15")]
    public void Encodings_and_line_ends_are_understood(string encoding, bool mark, string lineEnd, string options)
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        Encoding written = Encoding.GetEncoding(encoding);
        string table = Cluster.Distribute(Definition, "user_id");
        string text = string.Join(lineEnd, "id,user_id,note", "1,1,Café €", "2,2,Zoë", "");

        Import("encoded.csv", [.. mark ? written.GetPreamble() : [], .. written.GetBytes(text)], table, options).Succeeded();

        Assert.Equal(["1\t1\tCafé €", "2\t2\tZoë"], Cluster.Rows(table));
    }

    [Fact]
    public void A_last_line_without_its_end_is_loaded()
    {
        string table = Cluster.Distribute(Definition, "user_id");

        Assert.Equal(2L, Import("last.csv", "id,user_id,note\n1,1,a\n2,2,b", table).Single.Get("Rows"));
        Assert.Equal(["1\t1\ta", "2\t2\tb"], Cluster.Rows(table));
    }

    [Fact]
    public void Wildcards_and_file_objects_from_the_pipeline_load_each_file()
    {
        string table = Cluster.Distribute(Definition, "user_id");
        Cluster.File("part-1.csv", "id,user_id,note\n1,1,a\n");
        Cluster.File("part-2.csv", "id,user_id,note\n2,2,b\n");
        string brackets = Cluster.File("part[3].csv", "id,user_id,note\n3,3,c\n");
        Shell["pattern"] = Path.Combine(Cluster.Folder, "part-*.csv");
        Shell["brackets"] = brackets;
        Shell["folder"] = Cluster.Folder;

        Assert.Equal(2, Shell.Get($"Import-CsvToCitus $pattern {table}").Count);
        Assert.Equal(2, Shell.Get($"[IO.DirectoryInfo]::new($folder).GetFiles('part-*.csv') | Import-CsvToCitus -Table {table}").Count);
        Shell.Get($"Import-CsvToCitus -LiteralPath $brackets -Table {table}");
        Shell.Get($"$pattern | Import-CsvToCitus -Table {table}");

        Assert.Equal(["1\t1\ta", "1\t1\ta", "1\t1\ta", "2\t2\tb", "2\t2\tb", "2\t2\tb", "3\t3\tc"], Cluster.Rows(table));
    }

    [Fact]
    public void A_file_object_with_wildcard_characters_in_its_name_is_taken_as_it_stands()
    {
        string table = Cluster.Distribute(Definition, "user_id");
        Shell["file"] = new FileInfo(Cluster.File("odd[1].csv", "id,user_id,note\n1,1,a\n"));

        Shell.Get($"$file | Import-CsvToCitus -Table {table}");

        Assert.Equal(["1\t1\ta"], Cluster.Rows(table));
    }

    [Fact]
    public void A_bad_file_among_good_ones_is_told_and_the_others_are_loaded()
    {
        string table = Cluster.Distribute(Definition, "user_id");
        Shell["files"] = new[]
        {
            Cluster.File("good-1.csv", "id,user_id,note\n1,1,a\n"), Cluster.File("bad.csv", "id,user_id,note\nx,1,a\n"),
            Cluster.File("good-2.csv", "id,user_id,note\n2,2,b\n"),
        };

        RunResult run = Shell.Run($"$files | Import-CsvToCitus -Table {table}");

        run.Failed("CitusRowRefused");
        Assert.Equal(2, run.Output.Count);
        Assert.Equal(["1\t1\ta", "2\t2\tb"], Cluster.Rows(table));
    }

    [Fact]
    public void ErrorAction_Stop_makes_a_bad_file_catchable_and_the_next_is_not_begun()
    {
        string table = Cluster.Distribute(Definition, "user_id");
        Shell["files"] = new[] { Cluster.File("bad.csv", "id,user_id,note\nx,1,a\n"),
            Cluster.File("good.csv", "id,user_id,note\n2,2,b\n") };

        PSObject caught = Shell.Run($"try {{ $files | Import-CsvToCitus -Table {table} -ErrorAction Stop }} catch {{ "
            + $"$_.Exception.Row.Line, $_.FullyQualifiedErrorId -join ' ' }}").Single;

        Assert.Equal("2 CitusRowRefused,Woodgrove.Citus.Ingest.ImportCsvToCitusCommand", caught.ToString());
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void A_file_comes_over_http_and_its_address_shows_no_secret()
    {
        Cluster.RequireSandbox();
        string table = Cluster.Distribute(Definition, "user_id");
        Cluster.File("web.csv", "id,user_id,note\n1,1,a\n");
        string address = $"{Cluster.Sandbox!.Get("WebUri")}web.csv";

        PSObject result = Shell.Run(
            $"Import-CsvToCitus -Uri '{address.Replace("//", "//me:secretpw@")}?sig=secretpw' -Table {table}").Single;

        Assert.Equal(address, result.Get("Source"));
        Assert.Equal(["1\t1\ta"], Cluster.Rows(table));
    }

    [Fact]
    public void A_reference_table_takes_a_load()
    {
        string table = Cluster.CreateTable("id bigint PRIMARY KEY, note text");
        Cluster.Execute($"SELECT create_reference_table('{table}')");

        PSObject result = Import("reference.csv", "id,note\n1,a\n2,b\n", table).Single;

        Assert.Equal("Coordinator", result.Get("Route")!.ToString());
        Assert.Equal(["1\ta", "2\tb"], Cluster.Rows(table));
    }

    [Fact]
    public void A_table_that_is_not_distributed_takes_a_load_and_a_warning_says_so()
    {
        string table = Cluster.CreateTable(Definition);

        RunResult run = Import("local.csv", "id,user_id,note\n1,1,a\n", table);

        Assert.Equal("Coordinator", run.Single.Get("Route")!.ToString());
        Assert.Contains($"{table} is not distributed", Assert.Single(run.Warnings), StringComparison.Ordinal);
        Assert.Equal(["1\t1\ta"], Cluster.Rows(table));
    }

    [Fact]
    public void A_hostile_table_name_is_just_a_name()
    {
        string name = "we\"ird; drop table x; -- " + Cluster.NewName();
        Cluster.Distribute("id bigint, \"co\"\"l; --\" bigint", "co\"l; --", name);
        Shell["table"] = name;
        Shell["path"] = Cluster.File("weird.csv", "id,\"co\"\"l; --\"\n1,5\n");

        PSObject result = Shell.Run("Import-CsvToCitus $path $table").Single;

        Assert.Equal(ClusterFixture.Quote(name), result.Get("Table"));
        Assert.Equal(["1\t5"], Cluster.Rows(name));
        Assert.Equal(5L, Shell.Run(
            "Invoke-CitusQuery ('SELECT \"co\"\"l; --\" FROM ' + (Get-DistributedTable $table).Table) -As Scalar").Single.BaseObject);
        Assert.Single(Shell.Get("Get-ShardPlacement $table -Value 5"));
    }

    [Fact]
    public void A_table_of_another_schema_and_of_mixed_case_is_found()
    {
        string schema = Cluster.NewName("bank");
        Cluster.Execute($"CREATE SCHEMA {schema}; CREATE TABLE {schema}.\"MixedCase\" (id bigint, note text)");
        Cluster.AtEnd($"DROP SCHEMA {schema} CASCADE");
        Cluster.Execute($"SELECT create_distributed_table('{schema}.\"MixedCase\"', 'id', shard_count := 4)");

        PSObject result = Import("schema.csv", "id,note\n1,a\n", $"{schema}.MixedCase").Single;

        Assert.Equal($"{schema}.\"MixedCase\"", result.Get("Table"));
        Assert.Equal(1L, Cluster.Scalar($"SELECT count(*) FROM {schema}.\"MixedCase\""));
    }

    [Fact]
    public void WhatIf_loads_nothing()
    {
        string table = Cluster.Distribute(Definition, "user_id");

        Assert.Empty(Import("whatif.csv", "id,user_id,note\n1,1,a\n", table, "-WhatIf").Succeeded().Output);
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void Verbose_says_which_way_the_rows_go_and_why()
    {
        string table = Cluster.Distribute(Definition, "user_id");

        RunResult run = Import("verbose.csv", "id,user_id,note\n1,1,a\n", table, "-Verbose").Succeeded();

        Assert.Contains(run.Verbose, v => v.Contains("hashes each row's user_id", StringComparison.Ordinal));
        Assert.Contains(run.Verbose, v => v.Contains("Committed 1 row", StringComparison.Ordinal));
    }

    [Fact]
    public void Progress_tells_percent_rows_per_second_and_the_time_left()
    {
        string table = Cluster.Distribute(Definition, "user_id");
        using var server = new DrippingServer(times: 100);

        RunResult run = Shell.Run($"Import-CsvToCitus -Uri {server.Address} -Table {table}").Succeeded();

        List<ProgressRecord> during = run.Progress.Where(p => p.RecordType == ProgressRecordType.Processing
            && p.Activity == $"Loading {table}").ToList();
        Assert.NotEmpty(during);
        Assert.All(during, p => Assert.Contains("rows/s", p.StatusDescription, StringComparison.Ordinal));
        Assert.All(during, p => Assert.InRange(p.PercentComplete, 0, 100));
        Assert.All(during, p => Assert.InRange(p.SecondsRemaining, 0, 600));
        Assert.Equal(ProgressRecordType.Completed, run.Progress[^1].RecordType);
        Assert.Equal(100_000, Cluster.Count(table));
    }

    private RunResult Import(string name, string text, string table, string options = "") =>
        Import(name, Encoding.UTF8.GetBytes(text), table, options);

    private RunResult Import(string name, byte[] bytes, string table, string options = "")
    {
        Shell["path"] = Cluster.File(name, bytes);
        return Shell.Run($"Import-CsvToCitus $path {table} {options}");
    }
}
