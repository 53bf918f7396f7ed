using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Queries;

/// <summary>The limits of PostgreSQL's types and of .NET's: a value is read and written as it is, or refused.</summary>
public sealed class ValueLimitTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private static readonly string[] Cultures = ["", "de-DE", "fr-FR", "tr-TR"];

    /// <summary>Values that .NET holds, as PostgreSQL writes them.</summary>
    private static readonly (string Type, string[] Values)[] Held =
    [
        ("smallint", ["-32768", "0", "32767"]),
        ("integer", ["-2147483648", "2147483647"]),
        ("bigint", ["-9223372036854775808", "9223372036854775807"]),
        ("numeric", ["79228162514264337593543950335", "-79228162514264337593543950335", "0.0000000000000000000000000001", "-1234567.50",
            "0.00"]),
        ("real", ["-3.4028235e+38", "3.4028235e+38", "1e-45", "NaN", "Infinity", "-Infinity", "1234.5"]),
        ("double precision", ["-1.7976931348623157e+308", "5e-324", "-0", "NaN", "Infinity", "-Infinity", "1234567.5"]),
        ("money", ["-$92,233,720,368,547,758.08", "$92,233,720,368,547,758.07"]),
        ("boolean", ["true", "false"]),
        ("text", ["", "I\u0131\u0130i", "\U0001f600"]),
        ("bytea", ["\\x", "\\x00ff225c"]),
        ("uuid", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        ("date", ["0001-01-01", "9999-12-31"]),
        ("timestamp", ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"]),
        ("timestamptz", ["0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "1900-01-01 00:00:00+00"]),
        ("time", ["00:00:00", "23:59:59.999999"]),
        ("interval", ["00:00:00", "-3 days -02:00:00.000001", "10675198 days", "-10675198 days"]),
        ("timestamp[]", ["{\"0001-01-01 00:00:00\",NULL}", "{\"9999-12-31 23:59:59.999999\"}"]),
        ("date[]", ["{0001-01-01,9999-12-31}"]),
    ];

    public static TheoryData<string, string> Types => new(Held.SelectMany(h => Cultures.Select(c => (h.Type, c))));

    [Theory]
    [MemberData(nameof(Types))]
    public void A_value_at_its_types_limit_is_the_same_after_each_way(string type, string culture)
    {
        string[] values = Held.Single(h => h.Type == type).Values;
        string table = Cluster.Distribute($"id bigint, v {type}", "id"), file = Path.GetTempFileName();
        Shell["file"] = file;
        File.WriteAllText(file, "id\n4\n");
        try
        {
            foreach (string value in values)
            {
                Cluster.Execute($"TRUNCATE {table}");
                Cluster.Execute($"INSERT INTO {table} VALUES (1, '{value}')");
                string last = Shell.Get($$"""
                    [Threading.Thread]::CurrentThread.CurrentCulture = '{{culture}}'
                    $v = Invoke-CitusQuery 'SELECT v FROM {{table}}' -As Scalar -Setting @{ TimeZone = 'UTC' }
                    $null = Invoke-CitusQuery 'INSERT INTO {{table}} VALUES (2, @p)' @{ p = $v } -Setting @{ TimeZone = 'UTC' }
                    $null = @{ id = 3; v = $v } | Add-CitusRow {{table}} -ErrorAction Stop
                    $null = Import-CsvToCitus $file {{table}} -StaticColumn @{ v = $v } -ErrorAction Stop
                    $culture = [cultureinfo]::CurrentCulture
                    $format = switch ($v) { { $_ -is [float] -or $_ -is [double] } { 'R' } { $_ -is [decimal] } { "N$(($v.ToString([cultureinfo]::InvariantCulture) -split '\.')[1].Length)" }
                        { $_ -is [short] -or $_ -is [int] -or $_ -is [long] } { 'N0' } }
                    if ($format) {
                        $written = $v.ToString($format, $culture)
                        [IO.File]::WriteAllText($file, "id;v`n5;$written`n")
                        Import-CsvToCitus $file {{table}} -Delimiter ';' -Culture $culture -ErrorAction SilentlyContinue -ErrorVariable refused | Out-Null
                        # System.Decimal's twenty-ninth digit is refused; nothing is rounded.
                        if ($refused -and ($written -replace '\D').TrimStart('0').Length -le 28) { throw $refused }
                        [IO.File]::WriteAllText($file, "id`n4`n")
                    }
                    [Threading.Thread]::CurrentThread.CurrentCulture = ''
                    'done'
                    """).Select(o => $"{o}").Single();
                Assert.Equal("done", last);
                string[] read = [.. Cluster.Rows(table, "id, v::text")];
                Assert.True(read.Length >= 4, $"{type} '{value}': {string.Join(" | ", read)}");
                Assert.Single(read.Select(r => r[(r.IndexOf('\t', StringComparison.Ordinal) + 1)..]).Distinct());
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("timestamp", "infinity")]
    [InlineData("timestamp", "10000-01-01")]
    [InlineData("timestamp", "294276-12-31 23:59:59.999999")]
    [InlineData("timestamp", "4713-01-01 BC")]
    [InlineData("timestamptz", "-infinity")]
    [InlineData("timestamptz", "58870-01-01")]
    [InlineData("date", "infinity")]
    [InlineData("date", "0001-12-31 BC")]
    [InlineData("date", "5874897-12-31")]
    [InlineData("time", "24:00:00")]
    [InlineData("timetz", "24:00:00+00")]
    [InlineData("timetz", "12:00:00+01:02:03")]
    [InlineData("interval", "10675200 days")]
    [InlineData("interval", "-178000000 years")]
    [InlineData("interval", "1 mon")]
    [InlineData("numeric", "NaN")]
    [InlineData("numeric", "79228162514264337593543950336")]
    [InlineData("numeric", "0.00000000000000000000000000001")]
    [InlineData("timestamptz[]", "{NULL,infinity}")]
    [InlineData("timestamp[]", "{{2024-01-01,10000-01-01}}")]
    [InlineData("date[]", "{-infinity}")]
    [InlineData("interval[]", "{10675200 days}")]
    [InlineData("daterange", "[2024-01-01,infinity]")]
    [InlineData("tstzrange", "[2024-01-01,58870-01-01)")]
    [InlineData("tsmultirange", "{[2024-01-01,infinity)}")]
    public void What_NET_does_not_hold_is_refused_and_can_be_read_as_text(string type, string value)
    {
        ErrorRecord error = Shell.Run($"Invoke-CitusQuery \"SELECT '{value}'::{type} AS v\"").Failed("CitusValueNotRepresentable");

        Assert.Contains("v::text", error.Exception.Message, StringComparison.Ordinal);
        Assert.NotEqual("", $"{Shell.Run($"Invoke-CitusQuery \"SELECT '{value}'::{type}::text AS v\" -As Scalar").Single}");
    }

    [Fact]
    public void The_last_moment_of_NET_is_written_to_the_microsecond()
    {
        string table = Cluster.Distribute("id bigint, d date, ts timestamp, z timestamptz", "id");

        Shell.Run($$"""
            @(@{ id = 1; d = [datetime]::MaxValue; ts = [datetime]::MaxValue; z = [DateTimeOffset]::MaxValue }, @{ id = 2; d = [datetime]::MinValue; ts = [datetime]::MinValue; z = [DateTimeOffset]::MinValue }) | Add-CitusRow {{table}}
            Invoke-CitusQuery 'INSERT INTO {{table}} VALUES (3, @d, @t, @z), (4, @e, @u, @y)' @{ d = [DateOnly]::MaxValue; t = [datetime]::MaxValue; z = [DateTimeOffset]::MaxValue; e = [DateOnly]::MinValue; u = [datetime]::MinValue; y = [DateTimeOffset]::MinValue }
            """).Succeeded();

        const string Last = "9999-12-31\t9999-12-31 23:59:59.999999\t9999-12-31 23:59:59.999999",
            First = "0001-01-01\t0001-01-01 00:00:00\t0001-01-01 00:00:00";
        Assert.Equal([$"1\t{Last}", $"2\t{First}", $"3\t{Last}", $"4\t{First}"], Cluster.Rows(table, "id, d, ts, z AT TIME ZONE 'UTC'"));
    }
}
