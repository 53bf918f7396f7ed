using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Fields that are named, left out, added or written otherwise than the table's columns.</summary>
public sealed class ShapeTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string German = """
        Nr;Kunde;Betrag;am;bezahlt;Bemerkung;intern
        1;10;1.234,50;31.12.2025 23:59;ja;"a ""b"" c";x
        2;20;-7;01.02.2026 00:00;nein;"";y
        3;30;;05.06.2026 12:30;;"zwei
        Zeilen";"z
        z"

        """;

    private const string Mapping = "-Delimiter ';' -ColumnMap @{ Nr = 'id'; Kunde = 'user_id'; Betrag = 'amount'; am = 'at'; "
        + "bezahlt = 'paid'; Bemerkung = 'note' } -SkipColumn intern "
        + "-Culture de-DE -DateTimeFormat 'dd.MM.yyyy HH:mm' -TrueValue ja -FalseValue nein -StaticColumn @{ source_file = { "
        + "[IO.Path]::GetFileName($_) }; batch = 7 }";

    private string Table() => Cluster.Distribute("id bigint, user_id bigint, amount numeric(10,2), at timestamp, paid boolean, "
        + "note text, source_file text, batch int", "user_id");

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void Fields_are_mapped_left_out_added_and_converted(string route)
    {
        string table = Table();
        Shell["path"] = Cluster.File("german.csv", German.Replace("\r\n", "\n", StringComparison.Ordinal));

        Assert.Equal(3L, Shell.Run($"Import-CsvToCitus $path {table} {Mapping} -Route {route}").Single.Get("Rows"));

        Assert.Equal(
        [
            "1\t10\t1234.50\t2025-12-31 23:59:00\tt\ta \"b\" c\tgerman.csv\t7",
            "2\t20\t-7.00\t2026-02-01 00:00:00\tf\t\tgerman.csv\t7",
            "3\t30\t\\N\t2026-06-05 12:30:00\t\\N\tzwei\\nZeilen\tgerman.csv\t7",
        ], Cluster.Rows(table));
    }

    [Fact]
    public void Value_that_cannot_be_converted_ends_the_load_with_its_place()
    {
        string table = Table();
        Shell["path"] = Cluster.File("german.csv", German.Replace("01.02.2026", "31.02.2026", StringComparison.Ordinal));
        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} {Mapping}").Failed("CitusRowRefused");
        Assert.Contains("line 3, column at, value \"31.02.2026 00:00\"", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("dd.MM.yyyy HH:mm", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, Cluster.Count(table));
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void Refused_rows_are_rejected_as_they_stand_in_the_source(string route)
    {
        string table = Table();
        string csv = German.Replace("\r\n", "\n", StringComparison.Ordinal).Replace("-7", "viel", StringComparison.Ordinal)
            .Replace(";30;", ";x30;", StringComparison.Ordinal);
        Shell["path"] = Cluster.File("german.csv", csv);
        Shell["rejects"] = Path.Combine(Cluster.Folder, "german-rejects.csv");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} {Mapping} -Route {route} -OnError Skip -RejectPath $rejects").Single;

        Assert.Equal((1L, 2L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(csv[..csv.IndexOf("1;10", StringComparison.Ordinal)] + csv[csv.IndexOf("2;20", StringComparison.Ordinal)..],
            File.ReadAllText((string)Shell["rejects"]!));
        string[] errors = File.ReadAllLines(Path.Combine(Cluster.Folder, "german-rejects.errors.csv"));
        Assert.StartsWith("3,amount,22P02,", errors[1], StringComparison.Ordinal);
        Assert.StartsWith("6,user_id,22P02,", errors[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Field_may_be_named_by_its_number_where_there_is_no_header()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        Shell["path"] = Cluster.File("plain.csv", "1,junk,a\n2,junk,b\n");
        Shell.Run($"Import-CsvToCitus $path {table} -NoHeader -SkipColumn 2").Succeeded();
        Assert.Equal(["1\ta", "2\tb"], Cluster.Rows(table));
        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} -NoHeader -SkipColumn 4").Failed("CitusUnknownField");
        Assert.Contains("'4'", error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_if_shows_route_mapping_and_first_rows_and_does_nothing()
    {
        string table = Table();
        Shell["path"] = Cluster.File("german.csv", German.Replace("\r\n", "\n", StringComparison.Ordinal));
        RunResult result = Shell.Run($"Import-CsvToCitus $path {table} {Mapping} -WhatIf");
        Assert.Empty(result.Errors);
        string text = result.Screen;
        Assert.Contains("Coordinator route: one COPY", text, StringComparison.Ordinal);
        Assert.Contains("field 3 'Betrag' -> amount (numeric(10,2)): \"1234.50\", \"-7\", NULL", text, StringComparison.Ordinal);
        Assert.Contains("every row -> batch (integer): \"7\", \"7\", \"7\"", text, StringComparison.Ordinal);
        Assert.Equal(0, Cluster.Count(table));
    }
}
