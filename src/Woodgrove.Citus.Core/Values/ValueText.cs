using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using NpgsqlTypes;

namespace Woodgrove.Citus.Values;

/// <summary>The text of a value as PostgreSQL's own input reads it, whatever the session's culture.</summary>
public static class ValueText
{
    /// <summary>Whether a value that looks like a list is one value to PostgreSQL, such as a bit string or a path.</summary>
    public static bool IsOne(object value) => value is string or byte[] or BitArray
        || value.GetType() is { IsArray: false, Namespace: "NpgsqlTypes" };

    /// <summary>An array of several dimensions as lists of lists.</summary>
    public static IReadOnlyList<object?> Nested(Array array, params int[] at) =>
        [.. Enumerable.Range(array.GetLowerBound(at.Length), array.GetLength(at.Length)).Select(i => at.Length + 1 == array.Rank
            ? array.GetValue([.. at, i]) : Nested(array, [.. at, i]))];

    /// <summary>Text stays as it is; null and DBNull have none.</summary>
    public static string? Of(object? value) => value switch
    {
        null or DBNull => null,
        string text => text,
        bool flag => flag ? "true" : "false",
        char mark => mark == '\0' ? "" : mark.ToString(), // which is how PostgreSQL writes it
        BitArray bits => string.Concat(bits.Cast<bool>().Select(Bit)),
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
        _ when OfRange(value) is { } range => range,
        IEnumerable list when !IsOne(list) => OfList(list),
        _ => value.ToString(),
    };

    public static char Bit(bool value) => value ? '1' : '0';

    /// <summary>Ranges that are one value are a multirange, which quotes nothing.</summary>
    private static string OfList(IEnumerable list)
    {
        string?[] ranges = [.. list.Cast<object?>().Select(OfRange)];
        return ranges.Length > 0 && !ranges.Contains(null) ? $"{{{string.Join(',', ranges)}}}" : OfArray(list);
    }

    private static string? OfRange(object? value) =>
        value?.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == typeof(NpgsqlRange<>)
            ? (string)typeof(ValueText).GetMethod(nameof(RangeText), BindingFlags.NonPublic | BindingFlags.Static)!
                .MakeGenericMethod(type.GenericTypeArguments).Invoke(null, [value])! : null;

    private static string RangeText<T>(NpgsqlRange<T> range) => range.IsEmpty ? "empty"
        : $"{(range.LowerBoundIsInclusive ? '[' : '(')}{(range.LowerBoundInfinite ? "" : Quoted(Of(range.LowerBound)!))},"
            + $"{(range.UpperBoundInfinite ? "" : Quoted(Of(range.UpperBound)!))}{(range.UpperBoundIsInclusive ? ']' : ')')}";

    private static string Quoted(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

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
            if (item is IEnumerable inner && !IsOne(inner)) text.Append(OfArray(inner));
            else text.Append(Of(item) is { } element ? Quoted(element) : "NULL");
        }
        return text.Append('}').ToString();
    }
}
