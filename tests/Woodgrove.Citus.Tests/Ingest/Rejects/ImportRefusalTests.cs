using System.Management.Automation;
using System.Text;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest.Rejects;

/// <summary>Import-CsvToCitus with bad input: each a clear error, and the table as it was.</summary>
public sealed class ImportRefusalTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Definition = "id bigint, user_id bigint, amount numeric(8,2), PRIMARY KEY (id, user_id)";

    [Fact]
    public void No_such_file()
    {
        string table = TableWithARow();
        Shell["missing"] = Path.Combine(Cluster.Folder, "nowhere.csv");

        ErrorRecord error = Shell.Run($"Import-CsvToCitus $missing {table}").Failed("CitusFileNotFound");

        Assert.Equal(ErrorCategory.ObjectNotFound, error.CategoryInfo.Category);
        Assert.Contains("nowhere.csv", error.Exception.Message, StringComparison.Ordinal);
        Shell.Run($"Import-CsvToCitus ($missing + '*') {table}").Failed("CitusFileNotFound");
        Shell.Run($"Import-CsvToCitus -LiteralPath $missing -Table {table}").Failed("CitusFileNotFound");
        Unchanged(table);
    }

    [Fact]
    public void No_such_web_file_and_no_web_server()
    {
        Cluster.RequireSandbox();
        string table = TableWithARow();

        Assert.Contains("404", Shell.Run($"Import-CsvToCitus -Uri '{Cluster.Sandbox!.Get("WebUri")}nowhere.csv' -Table {table}")
            .Failed("CitusDownloadFailed").Exception.Message, StringComparison.Ordinal);
        Shell.Run($"Import-CsvToCitus -Uri 'http://127.0.0.1:9/x.csv' -Table {table}").Failed("CitusDownloadFailed");
        Unchanged(table);
    }

    [Fact]
    public void A_folder_without_a_csv_file()
    {
        string table = TableWithARow();
        Shell["folder"] = Directory.CreateDirectory(Path.Combine(Cluster.Folder, "no-csv")).FullName;

        Shell.Run($"Import-CsvToCitus $folder {table}").Failed("CitusFileNotFound");
    }

    [Fact]
    public void An_empty_file()
    {
        string table = TableWithARow();

        Assert.Contains("is empty", Import("", table).Failed("CitusCsvEmpty").Exception.Message, StringComparison.Ordinal);
        Unchanged(table);
    }

    [Theory]
    [InlineData("id,user_id,amount\n")]
    [InlineData("id,user_id,amount")]
    public void A_header_only(string text)
    {
        string table = TableWithARow();

        Assert.Contains("has a header and no rows", Import(text, table).Failed("CitusCsvNoRows").Exception.Message,
            StringComparison.Ordinal);
        Unchanged(table);
    }

    [Theory]
    [InlineData("id;user_id;amount\n1;1;1\n", "-Delimiter ';'")]
    [InlineData("id\tuser_id\tamount\n1\t1\t1\n", "-Delimiter \"`t\"")]
    [InlineData("id|user_id|amount\n1|1|1\n", "-Delimiter '|'")]
    public void A_wrong_delimiter_is_guessed_and_the_guess_works(string text, string fix)
    {
        string table = TableWithARow();

        ErrorRecord error = Import(text, table).Failed("CitusUnknownColumn");

        Assert.Contains(fix, error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Unchanged(table);
        Import(text, table, fix).Succeeded();
        Assert.Equal(2, Cluster.Count(table));
    }

    [Theory]
    [InlineData("events.csv", "not a web address")]
    [InlineData("ftp://lead:secret@bank.example/events.csv", "not ftp")]
    public void An_address_that_is_none_of_the_webs(string address, string says)
    {
        ErrorRecord error = Shell.Run($"Import-CsvToCitus -Uri {address} -Table {TableWithARow()}").Failed("CitusInvalidArgument");
        Assert.Contains(says, error.Exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_number_of_another_culture_leads_to_the_parameter_that_reads_it()
    {
        ErrorRecord error = Import("id,user_id,amount\n1,1,\"1.234,50\"\n", TableWithARow()).Failed("CitusRowRefused");
        Assert.Contains("-Culture", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_delimiter_without_a_header()
    {
        string table = TableWithARow();

        Assert.Contains("-Delimiter ';'",
            Import("1;1;1\n", table, "-NoHeader").Failed("CitusWrongColumnCount").ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Unchanged(table);
    }

    [Fact]
    public void The_distribution_column_is_missing()
    {
        string table = TableWithARow();

        Assert.Contains("'user_id', by which", Import("id,amount\n1,1\n", table).Failed("CitusDistributionColumnMissing").Exception.Message,
            StringComparison.Ordinal);
        Unchanged(table);
    }

    [Fact]
    public void A_column_that_must_have_a_value_is_missing()
    {
        string table = TableWithARow();

        Assert.Contains("'id', which", Import("user_id,amount\n1,1\n", table).Failed("CitusColumnMissing").Exception.Message,
            StringComparison.Ordinal);
        Unchanged(table);
    }

    [Theory]
    [InlineData("id,user_id,what\n1,1,1\n", "CitusUnknownColumn", "'what'")]
    [InlineData("id,user_id,id\n1,1,1\n", "CitusDuplicateColumn", "'id' is named 2 times")]
    public void A_header_that_does_not_fit_the_table(string text, string errorId, string says)
    {
        string table = TableWithARow();

        Assert.Contains(says, Import(text, table).Failed(errorId).Exception.Message, StringComparison.Ordinal);
        Unchanged(table);
    }

    [Fact]
    public void Columns_that_do_not_match_the_file()
    {
        string table = TableWithARow();

        Import("1,1,1\n", table, "-NoHeader -Column id, user_id").Failed("CitusWrongColumnCount");
        Import("1,1,1\n", table, "-NoHeader -Column id, user_id, what").Failed("CitusUnknownColumn");
        Unchanged(table);
    }

    [Fact]
    public void A_generated_column_can_not_be_loaded()
    {
        string table = Cluster.Distribute("id bigint, twice bigint GENERATED ALWAYS AS (id * 2) STORED", "id");

        Import("id,twice\n1,2\n", table).Failed("CitusGeneratedColumn");
        Import("1\n", table, "-NoHeader").Succeeded();
        Assert.Equal(["1\t2"], Cluster.Rows(table));
    }

    [Fact]
    public void Too_many_columns_in_one_row()
    {
        string table = TableWithARow();

        Refused(Import("id,user_id,amount\n1,1,1\n2,2,2,2\n", table), 3, null, "2,2,2,2", "22P04");
        Unchanged(table);
    }

    [Fact]
    public void Too_few_columns_in_one_row()
    {
        string table = TableWithARow();

        Refused(Import("id,user_id,amount\n1,1,1\n2,2\n", table), 3, null, "2,2", "22P04");
        Unchanged(table);
    }

    [Fact]
    public void A_NULL_distribution_value()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, amount numeric", "user_id");

        Refused(Import("id,user_id,amount\n1,1,1\n2,,2\n3,3,3\n", table), 3, "user_id", "", "22004");
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void Invalid_UTF_8()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        byte[] bytes = [.. "id,user_id,note\n1,1,ok\n2,2,caf"u8, 0xE9, .. "\n"u8];

        ErrorRecord error = Refused(Import(bytes, table), 3, null, null, "22021");

        Assert.Contains("-Encoding", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Empty(Cluster.Rows(table));
        Import(bytes, table, "-Encoding windows-1252").Succeeded();
        Assert.Equal(["1\t1\tok", "2\t2\tcafé"], Cluster.Rows(table));
    }

    [Fact]
    public void Invalid_UTF_16()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");

        Import([0xFF, 0xFE, .. Encoding.Unicode.GetBytes("id,user_id,note\n1,1,"), 0x00, 0xD8, .. Encoding.Unicode.GetBytes("x\n")], table)
            .Failed("CitusInvalidEncoding");
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void A_NUL_byte()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");

        ErrorRecord error = Refused(Import("id,user_id,note\n1,1,ok\n2,2,a\0b\n", table), 3, null, null, "22021");
        Assert.Contains("zero byte", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void An_unterminated_quote()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");

        ErrorRecord error = Import("id,user_id,note\n1,1,ok\n2,2,\"open\n3,3,x\n", table).Failed("CitusUnterminatedQuote");

        Assert.Equal(3L, error.Exception.Get("Row")!.Get("Line"));
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void A_wrong_type_in_row_70001()
    {
        string table = TableWithARow();

        Refused(Import(Large(100_000, badRow: 70_001, bad: "12,3x"), table), 70_002, "amount", "12,3x", "22P02");
        Unchanged(table);
    }

    [Theory]
    [InlineData("\n", "\n")]
    [InlineData("\r\n", "\n")]
    [InlineData("\r\n", "\r\n")]
    [InlineData("\r\n", "\r")]
    [InlineData("\r", "\r")]
    [InlineData("\r", "\n")]
    [InlineData("\n", "\r")]
    public void The_line_is_the_file_s_own_where_values_hold_line_ends(string lineEnd, string within)
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        string text = string.Join(lineEnd, "id,user_id,note", $"1,1,\"two{within}lines\"", $"2,2,\"three{within}such{within}lines\"",
            "3,x,bad", "");
        int line = text[..text.IndexOf("3,x", StringComparison.Ordinal)].Count(c => c == lineEnd[^1]) + 1;

        Refused(Import(text, table), line, "user_id", "x", "22P02");
        Assert.Empty(Cluster.Rows(table));
    }

    [Theory]
    [InlineData("\n", "\n")]
    [InlineData("\r\n", "\n")]
    public void The_line_is_the_file_s_own_where_the_header_holds_line_ends(string lineEnd, string within)
    {
        string table = Cluster.Distribute($"id bigint, user_id bigint, \"no{within}te\" text", "user_id");
        string text = string.Join(lineEnd, $"id,user_id,\"no{within}te\"", "1,1,a", "2,x,bad", "3,3,c", "");

        Refused(Import(text, table), 4, "user_id", "x", "22P02");
    }

    [Fact]
    public void A_number_too_large_for_its_column()
    {
        string table = TableWithARow();

        Refused(Import("id,user_id,amount\n1,1,1\n2,2,1234567.89\n", table), 3, "amount", "1234567.89", "22003");
        Unchanged(table);
    }

    [Fact]
    public void A_duplicate_key_within_the_file()
    {
        string table = TableWithARow();

        ErrorRecord error = Refused(Import("id,user_id,amount\n1,1,1\n2,2,2\n1,1,3\n", table), 4, "id, user_id", "1, 1", "23505");

        Assert.DoesNotContain("woodgrove_validation", error.Exception.Message, StringComparison.Ordinal);
        Unchanged(table);
    }

    [Fact]
    public void A_duplicate_of_a_row_that_the_table_has()
    {
        string table = TableWithARow();

        Refused(Import("id,user_id,amount\n1,1,1\n77,7,2\n3,3,3\n", table), 3, "id, user_id", "77, 7", "23505");
        Unchanged(table);
    }

    [Fact]
    public void A_duplicate_in_a_reference_table()
    {
        string table = Cluster.CreateTable("id bigint PRIMARY KEY, note text");
        Cluster.Execute($"SELECT create_reference_table('{table}'); INSERT INTO {table} VALUES (7, 'there')");

        Refused(Import("id,note\n1,a\n7,b\n", table), 3, "id", "7", "23505");
        Assert.Equal(["7\tthere"], Cluster.Rows(table));
    }

    [Fact]
    public void A_check_that_fails()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, amount numeric, CONSTRAINT positive CHECK (amount > 0)", "user_id");

        Refused(Import("id,user_id,amount\n1,1,1\n2,2,-2\n", table), 3, "amount", "-2", "23514");
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void A_NULL_where_none_may_be()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, amount numeric NOT NULL", "user_id");

        Refused(Import("id,user_id,amount\n1,1,1\n2,2,\n", table), 3, "amount", "", "23502");
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void A_foreign_key_that_points_nowhere()
    {
        string users = Cluster.Distribute("user_id bigint PRIMARY KEY", "user_id");
        Cluster.Execute($"INSERT INTO {users} VALUES (1)");
        string table = Cluster.Distribute($"id bigint, user_id bigint REFERENCES {users}", "user_id", colocateWith: users);

        Refused(Import("id,user_id\n1,1\n2,2\n", table), 3, "user_id", "2", "23503");
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void No_permission()
    {
        Cluster.RequireSandbox();
        string table = TableWithARow(), user = Cluster.NewName("reader");
        Cluster.Execute($"CREATE ROLE {user} LOGIN PASSWORD 'r3ader'; GRANT SELECT ON {table} TO {user}");
        Shell["path"] = Cluster.File("denied.csv", "id,user_id,amount\n1,1,1\n");
        Shell["text"] = $"Host=127.0.0.1;Port={Cluster.Sandbox!.Get("Port")};Database=citus;Username={user};Password=r3ader";

        RunResult run = Shell.Run("$c = Connect-CitusCluster -ConnectionString $text -Name reader; "
            + $"try {{ Import-CsvToCitus $path {table} -Connection $c }} finally {{ Disconnect-CitusCluster reader }}");

        ErrorRecord error = run.Failed("CitusPermissionDenied");
        Assert.Equal((ErrorCategory.PermissionDenied, "42501"), (error.CategoryInfo.Category, error.Exception.Get("SqlState")));
        Unchanged(table);
        // A session ends a moment after its connection.
        Assert.True(SpinWait.SpinUntil(() => Cluster.Scalar($"SELECT count(*) FROM pg_stat_activity WHERE usename = '{user}'") is 0L,
            TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void No_such_table_and_a_view_in_its_place()
    {
        string view = Cluster.NewName("v");
        Cluster.Execute($"CREATE VIEW {view} AS SELECT 1 AS id");
        Cluster.AtEnd($"DROP VIEW IF EXISTS {view}");

        Assert.Contains("no table nowhere", Import("id\n1\n", "nowhere").Failed("CitusTableNotFound").Exception.Message,
            StringComparison.Ordinal);
        Import("id\n1\n", view).Failed("CitusNotATable");
    }

    [Theory]
    [InlineData("-Delimiter '§'")]
    [InlineData("-Quote ','")]
    public void A_dialect_that_COPY_can_not_read(string options)
    {
        string table = TableWithARow();

        Import("id,user_id,amount\n1,1,1\n", table, options).Failed("CitusInvalidDialect");
        Unchanged(table);
    }

    [Fact]
    public void An_encoding_that_does_not_exist()
    {
        string table = TableWithARow();

        Import("id,user_id,amount\n1,1,1\n", table, "-Encoding klingon").Failed("ParameterArgumentTransformationError");
        Unchanged(table);
    }

    [Fact]
    public async Task No_connection()
    {
        // A process of its own: this one has a connection.
        (int code, _, string error) = await Repository.RunScriptAsync("Import-CsvToCitus x.csv t");

        Assert.Equal(1, code);
        Assert.Contains("CitusNotConnected", error, StringComparison.Ordinal);
        Assert.Contains("Connect-CitusCluster", error, StringComparison.Ordinal);
    }

    private string TableWithARow()
    {
        string table = Cluster.Distribute(Definition, "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (77, 7, 7)");
        return table;
    }

    private void Unchanged(string table) => Assert.Equal(["77\t7\t7.00"], Cluster.Rows(table));

    private static string Large(int rows, int badRow, string bad)
    {
        var text = new StringBuilder("id,user_id,amount\n");
        for (int i = 1; i <= rows; i++)
            text.Append(i).Append(',').Append(i % 500).Append(',').Append(i == badRow ? $"\"{bad}\"" : "12.34").Append('\n');
        return text.ToString();
    }

    /// <summary>The row's place and value, in the message and as properties; a value of null is not looked at.</summary>
    private static ErrorRecord Refused(RunResult run, long line, string? column, string? value, string sqlState)
    {
        ErrorRecord error = run.Failed("CitusRowRefused");
        object? row = error.Exception.Get("Row");
        Assert.NotNull(row);
        string message = error.Exception.Message;
        Assert.True(Equals(line, row.Get("Line")), $"line {line} expected: {message}");
        if (column is not null) Assert.True(Equals(column, row.Get("Column")), $"column {column} expected: {message}");
        if (value is not null) Assert.True(Equals(value, row.Get("Value")), $"value {value} expected, not {row.Get("Value")}: {message}");
        Assert.True(Equals(sqlState, row.Get("SqlState")), $"SQLSTATE {sqlState} expected: {message}");
        Assert.Equal(sqlState, error.Exception.Get("SqlState"));
        Assert.Equal(ErrorCategory.InvalidData, error.CategoryInfo.Category);
        Assert.Contains($", line {line}", message, StringComparison.Ordinal);
        Assert.Contains("Nothing of the file is in", message, StringComparison.Ordinal);
        Assert.Empty(run.Output);
        return error;
    }

    private RunResult Import(string text, string table, string options = "") => Import(Encoding.UTF8.GetBytes(text), table, options);

    private RunResult Import(byte[] bytes, string table, string options = "")
    {
        Shell["path"] = Cluster.File("refused.csv", bytes);
        return Shell.Run($"Import-CsvToCitus $path {table} {options}");
    }
}
