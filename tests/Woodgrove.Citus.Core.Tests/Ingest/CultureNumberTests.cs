using System.Globalization;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Ingest;

public sealed class CultureNumberTests
{
    [Theory]
    [InlineData("de-DE", "1.5")]
    [InlineData("de-DE", "12.34")]
    [InlineData("de-DE", "1..5")]
    [InlineData("de-DE", "1.23456")]
    [InlineData("en-US", "1,5")]
    [InlineData("en-US", "1,2,3")]
    [InlineData("en-US", "12,34.5")]
    [InlineData("en-US", ",123")]
    [InlineData("en-US", "1.234,567")]
    [InlineData("en-US", "12345678901234567890123456789")]
    public void Misplaced_groups_and_numbers_that_would_be_rounded_are_refused(string culture, string text) =>
        Assert.Throws<FormatException>(() => CultureNumber.Check(text, CultureInfo.GetCultureInfo(culture).NumberFormat));

    [Theory]
    [InlineData("de-DE", "1.234,5", "1234.5")]
    [InlineData("de-DE", "-1.234.567", "-1234567")]
    [InlineData("en-US", "1,234.5", "1234.5")]
    [InlineData("en-US", "1234.5", "1234.5")]
    [InlineData("fr-FR", "1 234,5", "1234.5")]
    [InlineData("fr-FR", "1\u00a0234,5", "1234.5")]
    [InlineData("fr-FR", "1\u202f234,5 €", "1234.5")]
    [InlineData("de-CH", "1'234.56", "1234.56")]
    [InlineData("de-CH", "1’234.56", "1234.56")]
    [InlineData("hi-IN", "12,34,567", "1234567")]
    public void Rightly_placed_groups_are_read_however_the_separator_is_written(string culture, string text, string number)
    {
        NumberFormatInfo format = CultureInfo.GetCultureInfo(culture).NumberFormat;
        Assert.Equal(decimal.Parse(number, CultureInfo.InvariantCulture),
            decimal.Parse(CultureNumber.Check(text, format), NumberStyles.Number, format));
    }

    [Fact]
    public void Not_a_number_is_a_number_in_every_culture() =>
        Assert.Equal("NaN", CultureNumber.Check(" nan ", CultureInfo.GetCultureInfo("de-DE").NumberFormat));
}
