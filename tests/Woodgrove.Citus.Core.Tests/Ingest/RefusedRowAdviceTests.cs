using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Ingest;

public sealed class RefusedRowAdviceTests
{
    [Theory]
    [InlineData("22P02", "n", "N/A", 5, "-NullValue '', 'N/A' loads it as NULL")]
    [InlineData("22P02", "n", "null", 5, "-NullValue '', 'null'")]
    [InlineData("22007", "d", "-", 5, "-NullValue '', '-'")]
    [InlineData("22008", "d", "31/12/2024", 5, "-DateTimeFormat 'dd/MM/yyyy'")]
    [InlineData("22008", "d", "12/31/2024", 5, "-DateTimeFormat 'MM/dd/yyyy'")]
    [InlineData("22007", "d", "31.12.2024", 5, "-DateTimeFormat 'dd.MM.yyyy'")]
    [InlineData("22P02", "n", "1.234,56", 5, "-Culture de-DE")]
    [InlineData("22P02", "n", "12,5", 5, "-Culture de-DE")]
    [InlineData("22P02", "b", "ja", 5, "-TrueValue and -FalseValue")]
    [InlineData("22P02", "id", "id", 9, "it is a second header")]
    [InlineData("22P02", "id", "\uFEFFid", 9, "byte order mark")]
    [InlineData("22P02", "id", "\uFEFF7", 9, "begins with a byte order mark")]
    public void Advice_follows_the_value(string sqlState, string column, string value, long line, string said) =>
        Assert.Contains(said, RefusedRowAdvice.Of(sqlState, new CsvDialect(), Column(column), value, null, line), StringComparison.Ordinal);

    [Fact]
    public void Header_read_as_data_is_told_by_its_place()
    {
        Assert.Contains("Leave out -NoHeader",
            RefusedRowAdvice.Of("22P02", new CsvDialect { HasHeader = false }, Column("id"), "id", "id,d", 1),
            StringComparison.Ordinal);
        Assert.Contains("second header", RefusedRowAdvice.Of("22P02", new CsvDialect { HasHeader = false }, Column("id"), "id", "id,d", 2),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("23505", "n", "N/A")]
    [InlineData("22P02", "n", "abc")]
    [InlineData("22P02", "n", "1,234,567")]
    [InlineData("22P02", null, "N/A")]
    [InlineData("22P02", "n", "x")]
    [InlineData("22P02", "n", "31.12.2024")]
    [InlineData("22P02", "b", "12,5")]
    [InlineData("22007", "d", "ja")]
    public void Nothing_is_guessed_otherwise(string sqlState, string? column, string value) =>
        Assert.Null(RefusedRowAdvice.Of(sqlState, new CsvDialect(), Column(column), value, null, 5));

    [Fact]
    public void Excel_s_line_is_known() =>
        Assert.Contains("Excel", RefusedRowAdvice.Of("22P02", new CsvDialect { HasHeader = false }, null, null, "sep=;", 1),
            StringComparison.Ordinal);

    /// <summary>A column whose type its name tells.</summary>
    private static TableColumn? Column(string? name) => name switch
    {
        null => null,
        "n" => new TableColumn(name, "numeric", PgType.Numeric, false, false, false, false),
        "d" => new TableColumn(name, "date", PgType.Date, false, false, false, false),
        "b" => new TableColumn(name, "boolean", PgType.Boolean, false, false, false, false),
        _ => new TableColumn(name, "bigint", PgType.Int8, false, false, false, false),
    };
}
