using System.Globalization;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Ingest;

public sealed class CultureTimeTests
{
    [Theory]
    [InlineData("de-DE", "10:30")]
    [InlineData("de-DE", "5.3")]
    [InlineData("de-DE", "5. März")]
    [InlineData("de-DE", "März 2024")]
    [InlineData("en-US", "3/5")]
    [InlineData("en-US", "May 2024")]
    [InlineData("en-US", "2024-05")]
    [InlineData("en-US", "Monday")]
    [InlineData("", "12:00 AM")]
    public void A_text_without_day_or_year_is_no_date(string culture, string text)
    {
        CultureInfo known = CultureInfo.GetCultureInfo(culture);
        Assert.Throws<FormatException>(() => CultureTime.Read(text, known, []));
        Assert.Throws<FormatException>(() => CultureTime.ReadMoment(text, known, []));
    }

    [Theory]
    [InlineData("de-DE", "5.3.2024", "2024-03-05 00:00")]
    [InlineData("de-DE", "05.03.24 10:30", "2024-03-05 10:30")]
    [InlineData("de-DE", "24.03.24", "2024-03-24 00:00")]
    [InlineData("de-DE", "5. März 2024", "2024-03-05 00:00")]
    [InlineData("en-US", "3/5/2024 1:02 PM", "2024-03-05 13:02")]
    [InlineData("fr-FR", "2024-03-05T10:30:00+02:00", "2024-03-05 10:30")]
    [InlineData("de-DE", "01.01.0001", "0001-01-01 00:00")]
    [InlineData("de-DE", "31.12.9999 23:59", "9999-12-31 23:59")]
    [InlineData("th-TH", "5/3/2567", "2024-03-05 00:00")]
    public void Calendar_and_clock_are_read_as_they_are_written(string culture, string text, string expected) =>
        Assert.Equal(expected, CultureTime.Read(text, CultureInfo.GetCultureInfo(culture), [])
            .ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture));

    [Fact]
    public void A_moment_with_a_zone_is_in_UTC_and_one_without_stays_open()
    {
        CultureInfo german = CultureInfo.GetCultureInfo("de-DE");
        Assert.Equal((new DateTime(2024, 3, 5, 8, 30, 0, DateTimeKind.Utc), DateTimeKind.Utc),
            (CultureTime.ReadMoment("05.03.2024 10:30 +02:00", german, []) is var zoned ? zoned : default, zoned.Kind));
        Assert.Equal(DateTimeKind.Unspecified, CultureTime.ReadMoment("05.03.2024 10:30", german, []).Kind);
    }

    /// <summary>Every culture that this machine knows, in its own short and long patterns.</summary>
    [Fact]
    public void Each_culture_reads_the_dates_that_it_writes()
    {
        DateTime[] times = [new(2024, 3, 5, 13, 2, 1), new(1999, 12, 31, 23, 59, 59), new(2024, 5, 24), new(2030, 11, 12, 1, 0, 0)];
        var other = new List<string>();
        foreach (CultureInfo culture in CultureInfo.GetCultures(CultureTypes.AllCultures))
        {
            foreach (DateTime time in times)
            {
                foreach (string pattern in new[] { "d", "G" })
                {
                    string text = time.ToString(pattern, culture);
                    // Where .NET itself reads another date, nothing here can know better.
                    if (!DateTime.TryParse(text, culture, DateTimeStyles.AllowWhiteSpaces, out DateTime its)
                        || its != (pattern == "d" ? time.Date : time)) continue;
                    if (Record.Exception(() => Assert.Equal(its, CultureTime.Read(text, culture, []))) is { } e)
                        other.Add($"{culture.Name} {pattern}: {text}: {e.Message}");
                }
            }
        }
        Assert.True(other.Count == 0, string.Join("\n", other));
    }

    [Theory]
    [InlineData("dd.MM.", false)]
    [InlineData("HH:mm", false)]
    [InlineData("M", false)] // the month and the day
    [InlineData("'year' MM-dd", false)]
    [InlineData("dd.MM.yy", true)]
    [InlineData("d", true)]
    [InlineData("O", true)]
    public void A_format_without_the_year_is_told_apart(string format, bool hasYear) =>
        Assert.Equal(hasYear, CultureTime.HasYear(format, CultureInfo.InvariantCulture));
}
