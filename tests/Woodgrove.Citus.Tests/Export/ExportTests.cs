using System.IO.Compression;
using System.Management.Automation;
using System.Text;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Export;

/// <summary>Export-CitusToCsv: what it writes loads again as it was, and what fails leaves no file.</summary>
public sealed class ExportTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Columns = "id bigint, user_id bigint, note text, \"Odd, \"\"name\" jsonb";
    private const string Values = """
        INSERT INTO {0} VALUES (1, 1, NULL, NULL), (2, 2, '', '{{}}'), (3, 3, 'a,b "q" ''s', '{{"k": "v, \"w\""}}'),
            (4, 4, E'l1\nl2\r\nl3\r', '[1, null]'),
            (5, 5, 'é支😀', '"x"'), (6, 6, E'\\.', NULL), (7, 7, ' padded ', NULL), (8, 8, 'NULL', NULL), (9, 9, E'tab\t;|', NULL),
                (10, 10, '\N', NULL), (11, 11, '""', NULL)
        """;

    private string Target(string name = "out.csv") =>
        Path.Combine(Directory.CreateDirectory(Path.Combine(Cluster.Folder, Cluster.NewName("export"))).FullName, name);

    [Theory]
    [InlineData("", "", "out.csv")]
    [InlineData("-Parallel", "", "out.csv")]
    [InlineData("-Parallel", "", "out.csv.gz")]
    [InlineData("-Compress", "", "out.txt")]
    [InlineData("-Parallel", "-NoHeader", "out.csv")]
    [InlineData("", "-Delimiter ';' -NullValue '\\N'", "out.csv")]
    [InlineData("-Parallel", "-Quote \"'\" -Delimiter '|' -NullValue 'NULL'", "out.csv")]
    [InlineData("-Parallel", "-Escape '\\'", "out.csv")]
    public void What_was_written_loads_again_as_it_was(string how, string dialect, string name)
    {
        string from = Cluster.Distribute(Columns, "user_id"), to = Cluster.Distribute(Columns, "user_id");
        Cluster.Execute(string.Format(System.Globalization.CultureInfo.InvariantCulture, Values, from));
        Cluster.Execute($"INSERT INTO {from} SELECT i, i % 97, 'row ' || i, NULL FROM generate_series(12, 20000) i");
        Shell["to"] = Target(name);

        PSObject result = Shell.Run($"Export-CitusToCsv {from} $to {how} {dialect}").Single;

        Assert.Equal((from, 20_000L, Shell["to"]), (result.Get("Source"), result.Get("Rows"), result.Get("Path")));
        Assert.Equal(new FileInfo((string)Shell["to"]!).Length, result.Get("Bytes"));
        Assert.Equal((how.Contains("Parallel") ? "Shard" : "Coordinator", how.Contains("Parallel") ? "Snapshot" : "PerShard"),
            (result.Get("Route")!.ToString(), result.Get("Consistency")!.ToString()));
        byte[] start = File.ReadAllBytes((string)Shell["to"]!)[..2];
        Assert.Equal(how == "-Compress" || name.EndsWith(".gz", StringComparison.Ordinal), start is [0x1F, 0x8B]);
        Assert.Equal(20_000L, Shell.Run($"Import-CsvToCitus $to {to} {dialect}").Single.Get("Rows"));
        Assert.Equal(Cluster.Rows(from), Cluster.Rows(to));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName((string)Shell["to"]!)!));
    }

    [Fact]
    public void What_it_writes_is_what_COPY_writes()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text, twice bigint GENERATED ALWAYS AS (id * 2) STORED",
            "user_id");
        Cluster.Execute($"INSERT INTO {table} (id, user_id, note) SELECT i, i, CASE WHEN i % 3 > 0 THEN repeat('x, ', "
            + "i % 700) END FROM generate_series(1, 3000) i");
        Shell["to"] = Target();

        Shell.Run($"Export-CitusToCsv {table} $to").Succeeded();

        using NpgsqlConnection session = Cluster.Database.OpenConnection();
        using TextReader copy = session.BeginTextExport($"COPY (SELECT id, user_id, note FROM {table}) TO STDOUT (FORMAT csv, "
            + "HEADER true)");
        Assert.Equal(copy.ReadToEnd().Split('\n').Order(), File.ReadAllText((string)Shell["to"]!).Split('\n').Order());
        Shell.Run($"Export-CitusToCsv {table} $to -Column note, id -Parallel").Succeeded();
        Assert.StartsWith("note,id\n", File.ReadAllText((string)Shell["to"]!), StringComparison.Ordinal);
        Shell.Run($"Export-CitusToCsv {table} $to -Column nonesuch").Failed("CitusColumnNotFound");
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Parallel")]
    public void Reference_and_partitioned_tables_are_written_whole(string how)
    {
        string parts = Cluster.CreateTable("user_id bigint, day int) PARTITION BY RANGE (day"),
            reference = Cluster.CreateTable("id bigint");
        Cluster.RequireCitus();
        Cluster.Execute($"CREATE TABLE {parts}_1 PARTITION OF {parts} FOR VALUES FROM (0) TO (10); "
            + $"CREATE TABLE {parts}_2 PARTITION OF {parts} FOR VALUES FROM (10) TO (20)");
        Cluster.Execute($"SELECT create_distributed_table('{parts}', 'user_id', shard_count := 4, colocate_with := 'none')");
        Cluster.Execute($"SELECT create_reference_table('{reference}')");
        Cluster.Execute($"INSERT INTO {parts} SELECT i, i % 20 FROM generate_series(1, 500) i");
        Cluster.Execute($"INSERT INTO {reference} SELECT generate_series(1, 300)");
        Shell["to"] = Target();

        Assert.Equal(500L, Shell.Run($"Export-CitusToCsv {parts} $to {how} -WarningAction SilentlyContinue").Single.Get("Rows"));
        Assert.Equal(Enumerable.Range(1, 500).Select(i => $"{i},{i % 20}").Append("user_id,day").Order(),
            File.ReadLines((string)Shell["to"]!).Order());
        PSObject copy = Shell.Run($"Export-CitusToCsv {reference} $to {how} -WarningAction SilentlyContinue").Single;
        Assert.Equal((300L, "Snapshot"), (copy.Get("Rows"), copy.Get("Consistency")!.ToString()));
    }

    [Fact]
    public void A_record_larger_than_any_buffer_stays_whole()
    {
        string table = Cluster.Distribute("user_id bigint, note text", "user_id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, repeat(E'line \"q\"\n', 400000) FROM generate_series(1, 3) i");
        Shell["to"] = Target("large.csv.gz");

        Assert.Equal(3L, Shell.Run($"Export-CitusToCsv {table} $to -Parallel -NoHeader").Single.Get("Rows"));

        using var text = new StreamReader(new GZipStream(File.OpenRead((string)Shell["to"]!), CompressionMode.Decompress));
        string note = "\"" + string.Concat(Enumerable.Repeat("line \"\"q\"\"\n", 400_000)) + "\"\n";
        Assert.Equal(Enumerable.Range(1, 3).Sum(i => $"{i},".Length + note.Length), text.ReadToEnd().Length);
    }

    [Theory]
    [InlineData("utf8", "69642C")]
    [InlineData("utf8BOM", "EFBBBF69642C")]
    [InlineData("unicode", "FFFE690064002C00")]
    [InlineData("windows-1252", "69642C")]
    [InlineData("windows-1252 -Compress", "1F8B")]
    [InlineData("utf8BOM -Parallel", "EFBBBF69642C")]
    public void In_another_encoding_it_is_read_again_as_it_was(string encoding, string start)
    {
        string table = Cluster.Distribute("id bigint, note text", "id"), again = Cluster.Distribute("id bigint, note text", "id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, repeat('Zürich € ', i) FROM generate_series(1, 2000) i");
        Shell["to"] = Target();

        Shell.Run($"Export-CitusToCsv {table} $to -Encoding {encoding}").Succeeded();

        Assert.StartsWith(start, Convert.ToHexString(File.ReadAllBytes((string)Shell["to"]!)[..8]), StringComparison.Ordinal);
        Shell.Run($"Import-CsvToCitus $to {again} -Encoding {encoding.Split(' ')[0]}").Succeeded();
        Assert.Equal(Cluster.Rows(table), Cluster.Rows(again));
    }

    [Fact]
    public void What_the_encoding_has_no_bytes_for_is_refused_and_not_replaced()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        Cluster.Execute($"INSERT INTO {table} VALUES (1, 'Ж')");
        Shell["to"] = Target();
        File.WriteAllText((string)Shell["to"]!, "precious");

        ErrorRecord error = Shell.Run($"Export-CitusToCsv {table} $to -Encoding windows-1252").Failed("CitusInvalidEncoding");

        Assert.Contains("'Ж', which windows-1252 cannot write", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText((string)Shell["to"]!));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName((string)Shell["to"]!)!));
    }

    [Fact]
    public void A_query_is_written_with_its_parameters_as_literals()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text, at timestamptz", "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (1, 5, 'o''hara @note', '2026-01-02 03:04:05Z'), (2, 6, 'b', NULL)");
        Shell["to"] = Target();

        PSObject result = Shell.Run($$"""
            Export-CitusToCsv -Path $to -Query "SELECT id, '@user' AS quoted, @note || '!' AS note, @none AS n /* @user */ FROM {{table}} -- @user
                WHERE user_id = @user AND note = @note AND at = @at AND id = ANY (@ids) AND '{2}' <@ '{2,3}'::int[];" -Parameter @{
                    user = '5'; note = "o'hara @note"; none = $null; ids = 1, 2; at = [datetime]::new(2026, 1, 2, 3, 4, 5, [DateTimeKind]::Utc) }
            """).Single;

        Assert.Equal("id,quoted,note,n\n1,@user,o'hara @note!,\n", File.ReadAllText((string)Shell["to"]!));
        Assert.Equal(1L, result.Get("Rows"));
        Shell.Run("Export-CitusToCsv -Path $to -Query 'SELECT nonsense'").Failed("CitusColumnNotFound");
        Assert.Equal("id,quoted", File.ReadAllText((string)Shell["to"]!)[..9]);
    }

    [Fact]
    public void An_empty_table_gives_a_header_or_an_empty_file()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint", "user_id");
        Shell["to"] = Target();
        Assert.Equal(0L, Shell.Run($"Export-CitusToCsv {table} $to").Single.Get("Rows"));
        Assert.Equal("id,user_id\n", File.ReadAllText((string)Shell["to"]!));
        Assert.Equal(0L, Shell.Run($"Export-CitusToCsv {table} $to -NoHeader -Parallel").Single.Get("Rows"));
        Assert.Equal("", File.ReadAllText((string)Shell["to"]!));
    }

    [Fact]
    public void Who_may_read_a_file_that_is_replaced_may_read_the_new_one_and_nobody_else()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such modes");
        if (OperatingSystem.IsWindows()) return;
        string table = Cluster.CreateTable("id bigint"), path = Target();
        Shell["to"] = path;
        File.WriteAllText(path, "secret");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);

        Shell.Run($"Export-CitusToCsv {table} $to").Succeeded();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Existing_files_are_treated_as_Export_Csv_treats_them()
    {
        string table = Cluster.CreateTable("id bigint");
        string path = Target();
        Shell["to"] = path;
        File.WriteAllText(path, "precious");

        Shell.Run($"Export-CitusToCsv {table} $to -NoClobber").Failed("CitusFileExists");
        Shell.Run($"Export-CitusToCsv {table} $to -WhatIf").Succeeded();
        new FileInfo(path).IsReadOnly = true;
        Shell.Run($"Export-CitusToCsv {table} $to").Failed("CitusFileDenied");
        Assert.Equal("precious", File.ReadAllText(path));
        Shell["folder"] = Path.GetDirectoryName(path);
        Shell.Run($"Export-CitusToCsv {table} $folder").Failed("CitusFileExists");
        Shell.Run($"Export-CitusToCsv {table} \"$folder/none/such.csv\"").Failed("CitusFileNotFound");

        Assert.Equal("Snapshot", Shell.Run($"Export-CitusToCsv {table} $to -Force").Single.Get("Consistency")!.ToString());
        Assert.Equal("id\n", File.ReadAllText(path));
        Assert.Single(Directory.GetFileSystemEntries(Path.GetDirectoryName(path)!));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Parallel")]
    public async Task Stopped_or_failed_it_leaves_the_file_that_was_there_and_nothing_else(string how)
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, i % 50, repeat('x', 500) FROM generate_series(1, 200000) i");
        string path = Target("out.csv.gz");
        Shell["to"] = path;
        File.WriteAllText(path, "precious");

        using PowerShell export = Shell.Create($"Export-CitusToCsv {table} $to {how}");
        Task<PSDataCollection<PSObject>> running = export.InvokeAsync();
        while (Directory.GetFiles(Path.GetDirectoryName(path)!).Length < 2 && !running.IsCompleted)
            await Task.Delay(2, TestContext.Current.CancellationToken);
        export.Stop();
        await Assert.ThrowsAsync<PipelineStoppedException>(() => running);

        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!));
        Assert.Equal("precious", File.ReadAllText(path));
        Assert.Equal(1L, Shell.Run("Invoke-CitusQuery 'SELECT 1::bigint' -As Scalar").Single.BaseObject);
        Assert.Contains("no file is left",
            Shell.Run($"Export-CitusToCsv -Query 'SELECT 1 / (id - 150000) FROM {table}' -Path $to")
                .Failed("CitusInvalidValue").Exception.Message, StringComparison.Ordinal);
        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void Without_a_snapshot_it_says_why_and_reads_through_the_coordinator()
    {
        string local = Cluster.CreateTable("id bigint"), table = Cluster.Distribute("id bigint, user_id bigint", "user_id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, i FROM generate_series(1, 100) i");
        Shell["to"] = Target();
        Assert.Contains("has one shard", Assert.Single(Shell.Run($"Export-CitusToCsv {local} $to -Parallel").Warnings),
            StringComparison.Ordinal);

        using (NpgsqlConnection writer = Cluster.Database.OpenConnection())
        using (NpgsqlTransaction open = writer.BeginTransaction())
        {
            using (var insert = new NpgsqlCommand($"INSERT INTO {table} VALUES (101, 101)", writer)) insert.ExecuteNonQuery();
            RunResult held = Shell.Run($"Export-CitusToCsv {table} $to -Parallel");
            Assert.Contains("a writer", Assert.Single(held.Warnings), StringComparison.Ordinal);
            Assert.Equal(("Coordinator", "PerShard", 100L),
                (held.Single.Get("Route")!.ToString(), held.Single.Get("Consistency")!.ToString(), held.Single.Get("Rows")));
        }

        // The nodes know one another by the sandbox's one password.
        Cluster.RequireSandbox();
        var server = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString);
        string role = Cluster.NewName("reader"), password = File.ReadAllText(server.Passfile!).Trim().Split(':')[^1];
        Cluster.Execute($"CREATE ROLE {role} LOGIN PASSWORD '{password}'");
        Cluster.Execute($"GRANT SELECT ON {table} TO {role}");
        server.Username = role;
        Shell["reader"] = server.ConnectionString;
        RunResult read = Shell.Run("$null = Connect-CitusCluster -ConnectionString $reader -Name reader; "
            + $"Export-CitusToCsv {table} $to -Parallel -Connection reader; Disconnect-CitusCluster reader");
        Assert.Contains("permission denied", Assert.Single(read.Warnings), StringComparison.Ordinal);
        Assert.Equal(100L, read.Single.Get("Rows"));
    }
}
