using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using CsvHelper.TypeConversion;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>
/// Turns a field's text, as a culture or a program writes it, into the text that PostgreSQL reads, by CsvHelper's
/// converters. Text, JSON and whatever else has no culture stays as it is.
/// </summary>
internal sealed class ValueConverter
{
    // The converters name the reader's context in their errors.
    private static readonly CsvReader Row = new(TextReader.Null, CultureInfo.InvariantCulture);

    private readonly CsvShape _shape;
    private readonly DefaultTypeConverter _converter;
    private readonly MemberMapData _options = new(null);
    private readonly Func<object, string> _write;
    private bool _isNumber;

    private ValueConverter(CsvShape shape, DefaultTypeConverter converter, Func<object, string> write)
    {
        (_shape, _converter, _write) = (shape, converter, write);
        _options.TypeConverterOptions.CultureInfo = shape.Culture ?? CultureInfo.InvariantCulture;
    }

    /// <summary>The converter for a column, or null where its text stays as it is.</summary>
    public static ValueConverter? For(TableColumn column, CsvShape shape)
    {
        bool hasTimes = shape.Culture is not null || shape.DateTimeFormats.Count > 0;
        // The type's name without its modifiers: numeric(10,2), timestamp(0) with time zone.
        return System.Text.RegularExpressions.Regex.Replace(column.TypeName, @"\(.*?\)", "") switch
        {
            "smallint" or "integer" or "bigint" or "numeric" or "money" when shape.Culture is not null =>
                Numbers(shape, new DecimalConverter()),
            "real" or "double precision" when shape.Culture is not null => Numbers(shape, new DoubleConverter()),
            "date" when hasTimes => Times(shape, new DateTimeConverter(), DateTimeStyles.None,
                v => ((DateTime)v).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
            // Without a zone in the text, what the clock showed is what counts.
            "timestamp without time zone" when hasTimes => Times(shape, new DateTimeOffsetConverter(), DateTimeStyles.AssumeUniversal,
                v => ((DateTimeOffset)v).ToString("yyyy-MM-dd HH:mm:ss.fffffff", CultureInfo.InvariantCulture)),
            // Without a zone in the text, it is the session's.
            "timestamp with time zone" when hasTimes => Times(shape, new DateTimeConverter(), DateTimeStyles.AdjustToUniversal,
                v => ((DateTime)v).ToString("yyyy-MM-dd HH:mm:ss.fffffffK", CultureInfo.InvariantCulture)),
            "boolean" when shape.TrueValues.Count + shape.FalseValues.Count > 0 => Booleans(shape),
            _ => null,
        };
    }

    /// <exception cref="FormatException">The text can't be read so.</exception>
    public string Convert(string text)
    {
        if (_converter is BooleanConverter
            && !_shape.TrueValues.Concat(_shape.FalseValues).Contains(text.Trim(), StringComparer.OrdinalIgnoreCase)) return text;
        try
        {
            if (_isNumber)
            {
                text = CultureNumber.Check(text, _options.TypeConverterOptions.CultureInfo!.NumberFormat);
                if (text == CultureNumber.NaN) return text;
            }
            return _write(_converter.ConvertFromString(text, Row, _options)!);
        }
        catch (Exception e) when (e is CsvHelperException or FormatException or OverflowException or ArgumentException)
        {
            string how = _options.TypeConverterOptions.Formats is { Length: > 0 } formats
                ? $"the format{(formats.Length > 1 ? "s" : "")} {string.Join(", ", formats)}"
                : $"culture {(_shape.Culture?.Name is { Length: > 0 } name ? name : "invariant")}";
            throw new FormatException($"can't be read by {how}", e);
        }
    }

    private static ValueConverter Numbers(CsvShape shape, DefaultTypeConverter converter)
    {
        var made = new ValueConverter(shape, converter, v => ((IFormattable)v).ToString(null, CultureInfo.InvariantCulture));
        made._isNumber = true;
        made._options.TypeConverterOptions.NumberStyles = NumberStyles.Number | NumberStyles.AllowExponent | NumberStyles.AllowCurrencySymbol;
        return made;
    }

    private static ValueConverter Times(CsvShape shape, DefaultTypeConverter converter, DateTimeStyles style, Func<object, string> write)
    {
        var made = new ValueConverter(shape, converter, write);
        made._options.TypeConverterOptions.DateTimeStyle = style | DateTimeStyles.AllowWhiteSpaces;
        if (shape.DateTimeFormats.Count > 0) made._options.TypeConverterOptions.Formats = [.. shape.DateTimeFormats];
        return made;
    }

    private static ValueConverter Booleans(CsvShape shape)
    {
        var made = new ValueConverter(shape, new BooleanConverter(), v => v is true ? "true" : "false");
        made._options.TypeConverterOptions.BooleanTrueValues.AddRange(shape.TrueValues);
        made._options.TypeConverterOptions.BooleanFalseValues.AddRange(shape.FalseValues);
        return made;
    }
}
