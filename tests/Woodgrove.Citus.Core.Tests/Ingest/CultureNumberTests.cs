using System.Globalization;
using System.Numerics;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Ingest;

public sealed class CultureNumberTests
{
    [Theory]
    [InlineData("de-DE", "1.5")]
    [InlineData("de-DE", "12.34")]
    [InlineData("de-DE", "1..5")]
    [InlineData("de-DE", "1.23456")]
    [InlineData("de-DE", "1,5,5")]
    [InlineData("de-DE", "1.234,5.678")]
    [InlineData("en-US", "1,5")]
    [InlineData("en-US", "1,2,3")]
    [InlineData("en-US", "12,34.5")]
    [InlineData("en-US", ",123")]
    [InlineData("en-US", "123,")]
    [InlineData("en-US", "1.234,567")]
    [InlineData("en-US", "1$5")]
    [InlineData("en-US", "--5")]
    [InlineData("en-US", "-5-")]
    [InlineData("en-US", "-1e5-")]
    [InlineData("en-US", "1e")]
    [InlineData("en-US", "1e1.5")]
    [InlineData("en-US", "5 6")]
    [InlineData("en-US", "٥")]
    [InlineData("en-US", ".")]
    [InlineData("en-US", "-")]
    [InlineData("en-US", "")]
    [InlineData("fr-FR", "1 234\u00a0567")]
    [InlineData("hi-IN", "123,45,678")]
    public void What_the_culture_does_not_write_is_refused(string culture, string text) =>
        Assert.Throws<FormatException>(() => Read(text, culture));

    [Theory]
    [InlineData("de-DE", "1.234,5", "1234.5")]
    [InlineData("de-DE", "-1.234.567", "-1234567")]
    [InlineData("de-DE", "1,50", "1.50")]
    [InlineData("de-DE", "5,", "5")]
    [InlineData("de-DE", ",5", "0.5")]
    [InlineData("de-DE", "1,5E-300", "1.5e-300")]
    [InlineData("de-DE", "1e400", "1e400")]
    [InlineData("en-US", "1,234.5", "1234.5")]
    [InlineData("en-US", "1234.5", "1234.5")]
    [InlineData("en-US", "$-5", "-5")]
    [InlineData("en-US", "-$1,234.50", "-1234.50")]
    [InlineData("en-US", "5-", "-5")]
    [InlineData("en-US", " +5 ", "5")]
    [InlineData("sv-SE", "-5", "-5")]
    [InlineData("sv-SE", "\u22125", "-5")]
    [InlineData("fr-FR", "1 234,5", "1234.5")]
    [InlineData("fr-FR", "1\u00a0234,5", "1234.5")]
    [InlineData("fr-FR", "1\u202f234,5 €", "1234.5")]
    [InlineData("de-CH", "1'234.56", "1234.56")]
    [InlineData("de-CH", "1’234.56", "1234.56")]
    [InlineData("hi-IN", "12,34,567", "1234567")]
    [InlineData("en-US", "123,456,789,012,345,678,901,234,567,890.0123456789012345678901234567890",
        "123456789012345678901234567890.0123456789012345678901234567890")]
    [InlineData("de-DE", " nan ", "NaN")]
    [InlineData("de-DE", "∞", "Infinity")]
    [InlineData("de-DE", "-Infinity", "-Infinity")]
    public void Numbers_keep_their_digits_however_the_separators_are_written(string culture, string text, string number) =>
        Assert.Equal(number, Read(text, culture));

    /// <summary>Every culture that this machine knows, with groups and without.</summary>
    [Fact]
    public void Each_culture_reads_what_it_writes_and_refuses_groups_in_other_places()
    {
        CultureInfo[] cultures = CultureInfo.GetCultures(CultureTypes.AllCultures);
        Assert.True(cultures.Length > 100, $"only {cultures.Length} cultures");
        decimal[] numbers = [0, 1, -1, 12, -123, 1234, -12345, 1234567.5m, -0.000001m, decimal.MaxValue, decimal.MinValue,
            0.0000000000000000000000000001m];
        double[] floats = [1e300, -5e-324, 1.7976931348623157e308, -1234.5, double.PositiveInfinity, double.NegativeInfinity, double.NaN];
        BigInteger large = BigInteger.Pow(10, 40) + 1234567;
        foreach (CultureInfo culture in cultures)
        {
            NumberFormatInfo format = culture.NumberFormat;
            foreach (decimal number in numbers)
            {
                Expect(number.ToString(CultureInfo.InvariantCulture), number.ToString(culture), culture);
                Expect(number.ToString("F3", CultureInfo.InvariantCulture), number.ToString("N3", culture), culture);
                Expect(number.ToString("F2", CultureInfo.InvariantCulture), WithCurrency(number, format), culture);
            }
            foreach (double number in floats)
                Expect(number.ToString("R", CultureInfo.InvariantCulture).Replace("E", "e").Replace("e+", "e"),
                    number.ToString("R", culture), culture);
            Expect(large.ToString(CultureInfo.InvariantCulture), large.ToString("N0", culture), culture);
            Expect($"-{large}", (-large).ToString(culture), culture);

            if (format.NumberGroupSizes is not [> 1 and int size, ..]) continue;
            string group = format.NumberGroupSeparator, right = new('1', size), wrong = new('1', size - 1);
            Assert.Equal("1" + right, CultureNumber.Read($"1{group}{right}", format));
            foreach (string text in new[] { $"1{group}{wrong}", $"1{group}{right}1", $"1{group}{group}{right}",
                $"1{format.NumberDecimalSeparator}1{group}{right}", $"1{right}{right}{group}{right}" })
                Assert.True(Record.Exception(() => CultureNumber.Read(text, format)) is FormatException, $"{culture.Name}: {text}");
        }
    }

    private static void Expect(string number, string text, CultureInfo culture) =>
        Assert.True(Record.Exception(() => Assert.Equal(number, CultureNumber.Read(text, culture.NumberFormat))) is not { } e,
            $"{culture.Name}: {text}");

    /// <summary>The culture's own pattern, but for parentheses.</summary>
    private static string WithCurrency(decimal number, NumberFormatInfo format)
    {
        var plain = (NumberFormatInfo)format.Clone();
        (plain.CurrencyDecimalDigits, plain.CurrencyNegativePattern) = (2, 1);
        return number.ToString("C", plain);
    }

    private static string Read(string text, string culture) =>
        CultureNumber.Read(text, CultureInfo.GetCultureInfo(culture).NumberFormat);
}
