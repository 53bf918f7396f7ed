using System.Collections;
using System.Globalization;
using System.Text;

namespace Woodgrove.Citus.Values;

/// <summary>The text of a value as PostgreSQL's own input reads it, whatever the session's culture.</summary>
internal static class ValueText
{
    /// <summary>Text stays as it is; null and DBNull have none.</summary>
    public static string? Of(object? value) => value switch
    {
        null or DBNull => null,
        string text => text,
        bool flag => flag ? "true" : "false",
        byte[] bytes => "\\x" + Convert.ToHexString(bytes),
        // Digits beyond microseconds, PostgreSQL's resolution, are cut: rounded, the last moment of a year would be in the next.
        DateTime { Kind: DateTimeKind.Unspecified } time => time.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture),
        DateTime time => time.ToString("yyyy-MM-dd HH:mm:ss.ffffffzzz", CultureInfo.InvariantCulture),
        DateTimeOffset time => time.ToString("yyyy-MM-dd HH:mm:ss.ffffffzzz", CultureInfo.InvariantCulture),
        DateOnly or TimeOnly => ((IFormattable)value).ToString("O", CultureInfo.InvariantCulture),
        TimeSpan span => OfSpan(span),
        double or float => ((IFormattable)value).ToString("R", CultureInfo.InvariantCulture)
            .Replace("∞", "Infinity", StringComparison.Ordinal),
        Enum name => name.ToString(),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        IEnumerable list => OfArray(list),
        _ => value.ToString(),
    };

    /// <summary>Days and time each with their own sign, as intervals have them.</summary>
    private static string OfSpan(TimeSpan span)
    {
        string time = (span < TimeSpan.Zero ? "-" : "") + span.ToString(@"hh\:mm\:ss\.ffffff", CultureInfo.InvariantCulture);
        return span.Days == 0 ? time : string.Create(CultureInfo.InvariantCulture, $"{span.Days} days {time}");
    }

    /// <summary>A list as the text of an array.</summary>
    public static string OfArray(IEnumerable list)
    {
        var text = new StringBuilder("{");
        foreach (object? item in list)
        {
            if (text.Length > 1) text.Append(',');
            if (item is IEnumerable inner and not string and not byte[]) text.Append(OfArray(inner));
            else if (Of(item) is { } element)
                text.Append('"').Append(element.Replace("\\", "\\\\", StringComparison.Ordinal)
                    .Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
            else text.Append("NULL");
        }
        return text.Append('}').ToString();
    }
}
