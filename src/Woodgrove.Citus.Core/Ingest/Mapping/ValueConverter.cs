using System.Globalization;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>
/// Turns a field's text, as a culture or a program writes it, into the text that PostgreSQL reads. Text, JSON and whatever
/// else has no culture stays as it is.
/// </summary>
internal sealed class ValueConverter
{
    private readonly Func<string, string> _convert;
    private readonly string _how;

    private ValueConverter(Func<string, string> convert, string how) => (_convert, _how) = (convert, how);

    /// <summary>The converter for a column, or null where its text stays as it is.</summary>
    public static ValueConverter? For(TableColumn column, CsvShape shape)
    {
        bool hasTimes = shape.Culture is not null || shape.DateTimeFormats.Count > 0;
        // The type's name without its modifiers: numeric(10,2), timestamp(0) with time zone.
        return System.Text.RegularExpressions.Regex.Replace(column.TypeName, @"\(.*?\)", "") switch
        {
            "smallint" or "integer" or "bigint" or "numeric" or "money" or "real" or "double precision" when shape.Culture is { } culture =>
                new ValueConverter(text => CultureNumber.Read(text, culture.NumberFormat), HowOf(culture)),
            "date" when hasTimes => Times(column, shape, CultureTime.Read, "yyyy-MM-dd"),
            // Without a zone in the text, what the clock showed is what counts.
            "timestamp without time zone" when hasTimes => Times(column, shape, CultureTime.Read, "yyyy-MM-dd HH:mm:ss.fffffff"),
            // Without a zone in the text, it is the session's.
            "timestamp with time zone" when hasTimes => Times(column, shape, CultureTime.ReadMoment, "yyyy-MM-dd HH:mm:ss.fffffffK"),
            "boolean" when shape.TrueValues.Count + shape.FalseValues.Count > 0 => new ValueConverter(text => Boolean(text, shape), ""),
            _ => null,
        };
    }

    /// <exception cref="FormatException">The text can't be read so.</exception>
    public string Convert(string text)
    {
        try
        {
            return _convert(text);
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw new FormatException($"can't be read by {_how}", e);
        }
    }

    private static ValueConverter Times(TableColumn column, CsvShape shape, Func<string, CultureInfo, string[], DateTime> read,
        string format)
    {
        CultureInfo culture = shape.Culture ?? CultureInfo.InvariantCulture;
        string[] formats = [.. shape.DateTimeFormats];
        if (Array.Find(formats, f => !CultureTime.HasYear(f, culture)) is { } incomplete)
            throw MappingErrors.NoYear(incomplete, column.Name);
        return new ValueConverter(text => read(text, culture, formats).ToString(format, CultureInfo.InvariantCulture),
            formats.Length == 0 ? HowOf(culture) : $"the format{(formats.Length > 1 ? "s" : "")} {string.Join(", ", formats)}");
    }

    private static string HowOf(CultureInfo culture) => $"culture {(culture.Name.Length > 0 ? culture.Name : "invariant")}";

    /// <summary>PostgreSQL's own texts stay as they are.</summary>
    private static string Boolean(string text, CsvShape shape) =>
        shape.TrueValues.Contains(text.Trim(), StringComparer.OrdinalIgnoreCase) ? "true"
        : shape.FalseValues.Contains(text.Trim(), StringComparer.OrdinalIgnoreCase) ? "false" : text;
}
