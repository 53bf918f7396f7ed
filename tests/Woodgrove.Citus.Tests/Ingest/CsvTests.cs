using System.Globalization;
using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Test-CitusCsv, and New-DistributedTable -FromCsv.</summary>
public sealed class CsvTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Definition = "event_id bigint NOT NULL, event_type varchar(12), user_id bigint, amount numeric, paid boolean, "
        + "details jsonb, created_at timestamp";

    [Fact]
    public void Rows_are_predicted_where_a_load_puts_them()
    {
        string table = Cluster.Distribute(Definition, "user_id"), file = Events(5000);

        object distribution = Shell.Run($"Test-CitusCsv '{file}' {table}").Single.Get("Distribution")!;
        Shell.Get($"Import-CsvToCitus '{file}' {table}");
        PSObject skew = Shell.Run($"Measure-ShardSkew {table} -By Rows").Single;

        Assert.Equal(Loads(skew.Get("Shards")!), Loads(distribution.Get("Shards")!));
        Assert.Equal(skew.Get("MaxToMean"), distribution.Get("MaxToMean"));
        Assert.Equal(skew.Get("NodeMaxToMean"), distribution.Get("NodeMaxToMean"));
    }

    [Theory]
    [InlineData("real", "1.5", "2.25")]
    [InlineData("text", "Müller, \"\"Anna\"\"", "x")]
    [InlineData("timestamptz", "2024-01-02 03:04:05", "infinity")]
    public void Rows_whose_hash_the_server_must_compute_are_predicted_too(string type, string first, string second)
    {
        string table = Cluster.Distribute($"k {type}, n int", "k");
        string file = Cluster.File(Cluster.NewName("f") + ".csv", $"k,n\n\"{first}\",1\n\"{first}\",2\n\"{second}\",3\n");

        object distribution = Shell.Run($"Test-CitusCsv '{file}' {table}").Single.Get("Distribution")!;
        Shell.Get($"Import-CsvToCitus '{file}' {table} -Route Coordinator");

        Assert.Equal(Loads(Shell.Run($"Measure-ShardSkew {table} -By Rows").Single.Get("Shards")!), Loads(distribution.Get("Shards")!));
    }

    [Fact]
    public void What_a_load_with_fields_mapped_and_converted_would_refuse_is_named()
    {
        string table = Cluster.Distribute(Definition, "user_id");
        string file = Cluster.File(Cluster.NewName("f") + ".csv",
            "id;typ;wer;betrag;bezahlt;notiz;am\n1;SendFunds;5;1.234,50;ja;x;05.01.2024\n2;SendFunds;6;1,5;nein;y;31.02.2024\n3;SendFunds;7;viel;ja;z;06.01.2024\n4;SendFunds;8\n");
        const string Shape = "-ColumnMap @{ id = 'event_id'; typ = 'event_type'; wer = 'user_id'; betrag = 'amount'; bezahlt = 'paid'; "
            + "am = 'created_at' } -SkipColumn notiz"
            + " -Culture de-DE -DateTimeFormat dd.MM.yyyy -TrueValue ja -FalseValue nein -Delimiter ';'";

        PSObject profile = Shell.Run($"Test-CitusCsv '{file}' {table} {Shape}").Single;
        PSObject loaded = Shell.Run($"Import-CsvToCitus '{file}' {table} {Shape} -OnError Skip").Single;

        Assert.Equal((4L, 3L), (profile.Get("Rows"), profile.Get("ProblemCount")));
        Assert.Equal(
            ["3 created_at 31.02.2024", "4 amount viel", "5  "],
            ((IEnumerable<object>)profile.Get("Problems")!).Select(PSObject.AsPSObject)
                .Select(p => $"{p.Get("Line")} {p.Get("Column")} {p.Get("Value")}"));
        Assert.Equal((1L, 3L), (loaded.Get("Rows"), loaded.Get("Rejected")));
        Assert.Contains("none is named", Shell.Run($"Test-CitusCsv '{file}' {Shape}").Failed("CitusShapeNeedsTable").Exception.Message);
    }

    [Fact]
    public void A_time_format_without_the_year_is_refused_before_the_first_row()
    {
        string table = Cluster.Distribute("id bigint, day date", "id");
        string file = Cluster.File(Cluster.NewName("f") + ".csv", "id,day\n1,24.12.\n");

        string told = Shell.Run($"Import-CsvToCitus '{file}' {table} -DateTimeFormat 'dd.MM.'")
            .Failed("CitusInvalidArgument").Exception.Message;

        Assert.Contains("column 'day'", told);
        Assert.Equal(0L, Cluster.Count(table));
    }

    [Fact]
    public void A_partition_that_is_named_by_its_month_is_told_by_its_whole_name()
    {
        string table = Cluster.CreateTable("id bigint, day date) PARTITION BY RANGE (day");
        Cluster.Execute($"CREATE TABLE {table}_202401 PARTITION OF {table} (CHECK (id < 100)) FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')");
        string file = Cluster.File(Cluster.NewName("f") + ".csv", "id,day\n1,2024-01-05\n500,2024-01-06\n");

        PSObject refused = Assert.Single(((IEnumerable<object>)Shell.Run($"Import-CsvToCitus '{file}' {table} -OnError Skip").Single
            .Get("Rejects")!).Select(PSObject.AsPSObject));

        Assert.Contains($"\"{table}_202401\"", (string)refused.Get("Reason")!);
    }

    [Fact]
    public void What_a_load_would_refuse_is_named_by_line_and_value_and_the_rest_is_not()
    {
        string table = Cluster.Distribute(Definition, "user_id");
        string file = Cluster.File(Cluster.NewName("f") + ".csv", """
            event_id,event_type,user_id,amount,paid,details,created_at
            1,SendFunds,5,1.50,yes,{},Jan 5 2024
            2,"two
            lines",5,,,,
            three,SendFunds,5,1,t,{},2024-01-01
            4,SendFunds,,1,t,{},2024-01-01
            5,MuchTooLongForIt,5,1,t,{},2024-01-01
            ,SendFunds,5,1,t,"{""a"": 1",2024-01-01
            7,SendFunds,5,1,maybe,{},2024-13-01
            8,SendFunds

            """);

        PSObject profile = Shell.Run($"Test-CitusCsv '{file}' {table}").Single;

        Assert.Equal(8L, profile.Get("Rows"));
        Assert.Equal(
            ["5 event_id three", "6 user_id ", "7 event_type MuchTooLongForIt", "8 details {\"a\": 1", "9 paid maybe", "10  "],
            Problems(profile).OrderBy(p => p.Line).Select(p => $"{p.Line} {p.Column} {p.Value}"));
        Assert.Equal(6L, profile.Get("ProblemCount"));
        Assert.Equal(profile.Get("ProblemCount"), Shell.Run($"Import-CsvToCitus '{file}' {table} -OnError Skip").Single.Get("Rejected"));
        Assert.False((bool)profile.Get("IsClean")!);
    }

    [Fact]
    public void Columns_are_described_without_a_cluster()
    {
        string file = Cluster.File(Cluster.NewName("f") + ".csv", Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes(
            "id;name;zip;born;weight;note\r\n" + string.Concat(Enumerable.Range(1, 300).Select(i =>
                string.Create(CultureInfo.InvariantCulture,
                    $"{i};Ann{i % 3};0{i % 10}123;200{i % 10}-01-01;{i}.5;{(i == 7 ? "" : i == 8 ? "\"\"" : "x")}\r\n"))))).ToArray());

        PSObject profile = Shell.Run($"Test-CitusCsv '{file}' -DistributionColumn id -ShardCount 4").Single;

        Assert.Equal(("utf-16", "CRLF", 300L, ';'),
            (profile.Get("Encoding"), profile.Get("LineEnd"), profile.Get("Rows"), profile.Get("Dialect")!.Get("Delimiter")));
        object[] columns = [.. ((System.Collections.IEnumerable)profile.Get("Columns")!).Cast<object>()];
        Assert.Equal(["id bigint", "name text", "zip text", "born date", "weight numeric", "note text"],
            columns.Select(c => $"{c.Get("Name")} {c.Get("Type")}"));
        Assert.Equal([300L, 3L, 10L, 10L, 300L, 2L], columns.Select(c => (long)c.Get("DistinctValues")!));
        Assert.Equal((1L, 299L), (columns[5].Get("Nulls"), columns[5].Get("Values")));
        Assert.Equal([75.0, 4.0], [profile.Get("Distribution")!.Get("Mean"), (double)(int)profile.Get("Distribution")!.Get("ShardCount")!]);
        Assert.True((bool)profile.Get("IsClean")!);
    }

    [Fact]
    public void Values_unlike_nearly_all_others_are_problems()
    {
        string file = Cluster.File(Cluster.NewName("f") + ".csv",
            "id\n" + string.Concat(Enumerable.Range(1, 500).Select(i => i == 77 ? "N/A\n" : $"{i}\n")));

        PSObject profile = Shell.Run($"Test-CitusCsv '{file}'").Single;

        Assert.Equal((78L, "id", "N/A"), Assert.Single(Problems(profile)));
    }

    [Fact]
    public void A_first_line_of_data_is_warned_of()
    {
        string file = Cluster.File(Cluster.NewName("f") + ".csv", "1,Anna\n2,Bo\n");

        Assert.Contains("-NoHeader", Assert.Single(Shell.Run($"Test-CitusCsv '{file}'").Succeeded().Warnings));
        Assert.Equal(2L, Shell.Run($"Test-CitusCsv '{file}' -NoHeader").Single.Get("Rows"));
    }

    [Fact]
    public void A_file_that_does_not_fit_the_table_fails_as_its_load_would()
    {
        string table = Cluster.Distribute("id bigint", "id"), file = Cluster.File(Cluster.NewName("f") + ".csv", "id,other\n1,2\n");

        Shell.Run($"Test-CitusCsv '{file}' {table}").Failed("CitusUnknownColumn");
        Shell.Run($"Test-CitusCsv '{file}' -DistributionColumn none").Failed("CitusColumnNotFound");
    }

    [Fact]
    public void A_table_is_made_from_a_file_and_takes_it()
    {
        string table = Cluster.NewName(), file = Events(300);
        Cluster.AtEnd($"DROP TABLE IF EXISTS {table}");

        RunResult whatIf = Shell.Run($"New-DistributedTable {table} user_id -FromCsv '{file}' -WhatIf").Succeeded();
        Assert.Contains("user_id bigint NOT NULL, amount numeric, paid boolean, details jsonb, created_at timestamp", whatIf.Screen);
        Assert.Equal(DBNull.Value, Cluster.Scalar($"SELECT to_regclass('{table}')::text"));

        RunResult made = Shell.Run($"New-DistributedTable {table} user_id -FromCsv (Test-CitusCsv '{file}') -Verbose");
        Assert.Contains(made.Verbose,
            v => v.StartsWith($"CREATE TABLE {table} (event_id bigint, event_type text, user_id bigint NOT NULL",
                StringComparison.Ordinal));
        Assert.Equal("user_id", made.Single.Get("DistributionColumn"));
        Assert.Equal(300L, Shell.Run($"Import-CsvToCitus '{file}' {table}").Single.Get("Rows"));
    }

    [Fact]
    public void A_table_is_made_from_a_file_that_is_written_otherwise()
    {
        string table = Cluster.NewName(), plain = Cluster.NewName(), reference = Cluster.NewName();
        Cluster.AtEnd($"DROP TABLE IF EXISTS {table}, {plain}, {reference}");
        string file = Cluster.File(Cluster.NewName("odd") + ".csv", "Report of May\n\"all rows\nid|note\n1|'a|b'\n2|none\n");
        string format = "-SkipLines 2 -Delimiter '|' -Quote \"'\" -NullValue none";

        Shell.Run($"$null = New-DistributedTable {table} id -FromCsv '{file}' {format}; "
            + $"$null = Import-CsvToCitus '{file}' {table} {format}").Succeeded();
        Assert.Equal(["1\ta|b", "2\t\\N"], Cluster.Rows(table, "id, note"));

        Shell.Run($"$null = New-DistributedTable {plain} column1 -FromCsv '{file}' -SkipLines 3 -NoHeader -Delimiter '|' -Quote \"'\"; "
            + $"$null = New-ReferenceTable {reference} -FromCsv '{file}' {format}").Succeeded();
        Assert.Equal("column1,column2", Cluster.Scalar($"SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute "
            + $"WHERE attrelid = '{plain}'::regclass AND attnum > 0"));
        Assert.Equal("bigint,text", Cluster.Scalar($"SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attnum) "
            + $"FROM pg_attribute WHERE attrelid = '{reference}'::regclass AND attnum > 0"));

        foreach (string given in new[] { "-Definition 'id bigint'", $"-FromCsv (Test-CitusCsv '{file}' {format})" })
        {
            ErrorRecord error = Shell.Run($"New-DistributedTable {Cluster.NewName()} id {given} -SkipLines 2")
                .Failed("CitusInvalidArgument");
            Assert.StartsWith("-SkipLines says how a file is read", error.Exception.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Whatever one of them can say of a file, each of them can.</summary>
    [Theory]
    [InlineData("Import-CsvToCitus")]
    [InlineData("Test-CitusCsv")]
    [InlineData("Find-DistributionColumn")]
    [InlineData("New-DistributedTable")]
    [InlineData("New-ReferenceTable")]
    public void Each_cmdlet_that_reads_a_CSV_takes_what_says_how_it_is_written(string cmdlet)
    {
        string[] parameters = [.. Shell.Get($"(Get-Command {cmdlet}).Parameters.Keys").Select(p => p.ToString())];
        Assert.Empty(new[] { "Delimiter", "Encoding", "Escape", "MaxRecordSize", "NoHeader", "NullValue", "Quote", "SkipLines" }
            .Except(parameters));
    }

    private string Events(int rows)
    {
        var text = new StringBuilder("event_id,event_type,user_id,amount,paid,details,created_at\n");
        for (int i = 1; i <= rows; i++)
            text.Append(CultureInfo.InvariantCulture,
                $"{i},SendFunds,{(i % 5 == 0 ? 1 : i % 997)},{i}.25,{(i % 2 == 0 ? "t" : "f")},\"{{\"\"n\"\": "
                    + $"\"\"a,b\"\"}}\",2024-01-01 00:00:{i % 60:00}\n");
        return Cluster.File(Cluster.NewName("events") + ".csv", text.ToString());
    }

    private static (object?, object?)[] Loads(object loads) =>
        [.. ((System.Collections.IEnumerable)loads).Cast<object>().Select(l => (l.Get("ShardId"), l.Get("Amount")))];

    private static (long Line, string? Column, string? Value)[] Problems(PSObject profile) =>
        [.. ((System.Collections.IEnumerable)profile.Get("Problems")!).Cast<object>()
            .Select(p => ((long)p.Get("Line")!, (string?)p.Get("Column"), (string?)p.Get("Value")))];
}
