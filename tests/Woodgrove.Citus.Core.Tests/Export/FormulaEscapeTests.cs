using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Export;

namespace Woodgrove.Citus.Core.Tests.Export;

public sealed class FormulaEscapeTests
{
    [Theory]
    [InlineData("a,=1+1,b\n", "a,'=1+1,b\n")]
    [InlineData("=cmd|' /C calc'!A0,x\n", "'=cmd|' /C calc'!A0,x\n")]
    [InlineData("x,\"=HYPERLINK(\"\"http://evil\"\",\"\"a,b\"\")\"\n", "x,\"'=HYPERLINK(\"\"http://evil\"\",\"\"a,b\"\")\"\n")]
    [InlineData("@SUM(A1),+SUM(A1),-SUM(A1)\n", "'@SUM(A1),'+SUM(A1),'-SUM(A1)\n")]
    [InlineData("\"\ttab\",\"\rreturn\"\n", "\"'\ttab\",\"'\rreturn\"\n")]
    [InlineData("-5,+5,-1.5e-3,-0,+.5,-Infinity,1e400,-99999999999999999999999999.99\n",
        "-5,+5,-1.5e-3,-0,+.5,-Infinity,1e400,-99999999999999999999999999.99\n")]
    [InlineData("-5 days,+49 30 1234,-,+,--1,-1-1\n", "'-5 days,'+49 30 1234,'-,'+,'--1,'-1-1\n")]
    [InlineData("a=b,\"say \"\"=x\"\"\",\"line\n=not a field\",\"\",,\n", "a=b,\"say \"\"=x\"\"\",\"line\n=not a field\",\"\",,\n")]
    [InlineData("1,2\n=3,4\n5,=6\n", "1,2\n'=3,4\n5,'=6\n")]
    public void Values_that_a_spreadsheet_would_run_get_an_apostrophe_and_nothing_else_changes(string csv, string expected) =>
        Assert.Equal(expected, Apply(new CsvDialect(), csv));

    [Theory]
    [InlineData('\\', "\"=a \\\" , b\",=c\n", "\"'=a \\\" , b\",'=c\n")]
    [InlineData('\\', "\"a\\\\\",=c\n", "\"a\\\\\",'=c\n")]
    public void Another_escape_character_is_followed(char escape, string csv, string expected) =>
        Assert.Equal(expected, Apply(new CsvDialect { Escape = escape }, csv));

    [Fact]
    public void NULL_stays_NULL_whatever_stands_for_it_and_the_same_text_in_quotes_is_a_value() =>
        Assert.Equal("-;\"'-\";'=x\n", Apply(new CsvDialect { NullValue = "-", Delimiter = ';' }, "-;\"-\";=x\n"));

    [Fact]
    public void Without_a_formula_the_memory_is_the_same()
    {
        ReadOnlyMemory<byte> records = "1,a\n2,b\n"u8.ToArray();

        Assert.True(new FormulaEscape(new CsvDialect()).Apply(records).Equals(records));
    }

    [Fact]
    public void An_apostrophe_as_the_quote_is_refused() =>
        Assert.Equal("CitusInvalidDialect",
            Assert.Throws<CitusException>(() => new FormulaEscape(new CsvDialect { Quote = '\'' })).ErrorId);

    private static string Apply(CsvDialect dialect, string csv) =>
        Encoding.UTF8.GetString(new FormulaEscape(dialect).Apply(Encoding.UTF8.GetBytes(csv)).Span);
}
