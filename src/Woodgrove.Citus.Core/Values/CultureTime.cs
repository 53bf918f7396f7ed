using System.Globalization;

namespace Woodgrove.Citus.Values;

/// <summary>
/// Reads dates and times as a culture writes them. .NET's own parsing takes a time alone for today's, and a day and a month for
/// those of this year; here a text says day and year, or it is no date. A file's own formats may say otherwise.
/// </summary>
internal static class CultureTime
{
    /// <summary>What the calendar and the clock showed, whatever the zone.</summary>
    /// <exception cref="FormatException">The culture, or none of the formats, writes dates so.</exception>
    public static DateTime Read(string text, CultureInfo culture, string[] formats)
    {
        const DateTimeStyles Style = DateTimeStyles.AllowWhiteSpaces | DateTimeStyles.AssumeUniversal;
        if (formats.Length > 0) return DateTimeOffset.ParseExact(text, formats, culture, Style).DateTime;
        DateTime time = DateTimeOffset.Parse(text, culture, Style).DateTime;
        return Says(text, culture.DateTimeFormat.Calendar, time) ? time : throw new FormatException("The day or the year is missing.");
    }

    /// <summary>Whether a format writes the year. .NET reads a text without one as of the year in which it is read.</summary>
    public static bool HasYear(string format, CultureInfo culture)
    {
        try
        {
            return new DateTime(2001, 2, 3).ToString(format, culture) != new DateTime(2002, 2, 3).ToString(format, culture);
        }
        catch (FormatException)
        {
            return true; // no format at all, which is told when it is used
        }
    }

    /// <summary>The moment in UTC, or, where the text has no zone, what calendar and clock showed.</summary>
    /// <exception cref="FormatException">The culture, or none of the formats, writes dates so.</exception>
    public static DateTime ReadMoment(string text, CultureInfo culture, string[] formats)
    {
        const DateTimeStyles Style = DateTimeStyles.AllowWhiteSpaces | DateTimeStyles.AdjustToUniversal;
        if (formats.Length > 0) return DateTime.ParseExact(text, formats, culture, Style);
        Read(text, culture, formats);
        return DateTime.Parse(text, culture, Style);
    }

    /// <summary>Whether two different numbers of a text are the day and the year of a date.</summary>
    private static bool Says(string text, Calendar calendar, DateTime date)
    {
        (int day, int year) = (calendar.GetDayOfMonth(date), calendar.GetYear(date));
        int days = 0, years = 0, both = 0;
        for (int at = 0, end; at < text.Length; at = end + 1)
        {
            for (end = at; end < text.Length && char.IsAsciiDigit(text[end]); end++) { }
            if (!int.TryParse(text.AsSpan(at, end - at), NumberStyles.None, CultureInfo.InvariantCulture, out int number)) continue;
            bool isDay = number == day, isYear = number == (end - at > 2 ? year : year % 100);
            if (isDay && isYear) both++;
            else if (isDay) days++;
            else if (isYear) years++;
        }
        return both > 1 || (both == 1 && days + years > 0) || (days > 0 && years > 0);
    }
}
