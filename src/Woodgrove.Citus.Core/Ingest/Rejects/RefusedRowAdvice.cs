using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>Advice for a refused row that follows from the value and from where it stands, and not from the SQLSTATE alone.</summary>
internal static partial class RefusedRowAdvice
{
    private const char ByteOrderMark = '\uFEFF';

    /// <summary>What programs write for a value that is missing.</summary>
    private static readonly HashSet<string> Missing = new(
        ["n/a", "#n/a", "na", "nan", "null", "<null>", "(null)", "[null]", "nil", "none", "\\n", "-", "--", "?", ".", "unknown", "#value!",
            "#ref!", "#div/0!"], StringComparer.OrdinalIgnoreCase);

    private static readonly HashSet<string> Booleans = new(["ja", "nein", "oui", "non", "sí", "si", "x", "wahr", "falsch", "vrai", "faux"],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>Null where there is no advice about the value.</summary>
    /// <param name="column">The column that is to blame, or null.</param>
    /// <param name="value">Its value in the file, or null.</param>
    /// <param name="record">The record's text, or null.</param>
    /// <param name="line">The line on which it ends, from 1.</param>
    public static string? Of(string? sqlState, CsvDialect dialect, TableColumn? column, string? value, string? record, long? line)
    {
        if (record?.StartsWith("sep=", StringComparison.OrdinalIgnoreCase) is true)
            return "The line is Excel's own and no data: leave it out with -SkipLines 1, and give the character in it as -Delimiter.";
        if (value is null || column is null || value.Length > 100) return null;
        string text = value.Trim().Trim(ByteOrderMark).Trim();
        if (string.Equals(text, column.Name, StringComparison.OrdinalIgnoreCase)) return Header(dialect, value, line);
        if (value.Contains(ByteOrderMark, StringComparison.Ordinal))
            return "The value begins with a byte order mark, as where files were put together: take it out, "
                + "or reject the row with -OnError Skip.";
        if (sqlState is not (PostgresErrorCodes.InvalidTextRepresentation or PostgresErrorCodes.InvalidDatetimeFormat
            or PostgresErrorCodes.DatetimeFieldOverflow)) return null;
        if (value.Length == 0)
            return $"A quoted empty field is an empty text. If it stands for a missing value: -ForceNull {column.Name} loads it as NULL.";
        if (Missing.Contains(text))
        {
            IEnumerable<string> all = [dialect.NullValue, .. dialect.OtherNullValues, value];
            return "If it stands for a missing value: -NullValue "
                + $"{string.Join(", ", all.Select(t => $"'{t.Replace("'", "''", StringComparison.Ordinal)}'"))} loads it as NULL too.";
        }
        return column.TypeOid switch
        {
            PgType.Boolean when Booleans.Contains(text) => "Name the file's words with -TrueValue and -FalseValue.",
            PgType.Int2 or PgType.Int4 or PgType.Int8 or PgType.Numeric or PgType.Float4 or PgType.Float8
                when CommaNumber().IsMatch(text) =>
                "The number is written with a comma, as in German or French: -Culture de-DE reads it so.",
            PgType.Date or PgType.Timestamp or PgType.TimestampTz when DayFirst().Match(text) is { Success: true } date =>
                $"The day or month may stand elsewhere than the server expects: -DateTimeFormat '{Format(date)}' reads it.",
            _ => null,
        };
    }

    private static string Format(Match date)
    {
        string mark = date.Groups["mark"].Value;
        bool isDayFirst = int.Parse(date.Groups["first"].Value, CultureInfo.InvariantCulture) > 12 || mark == ".";
        return isDayFirst ? $"dd{mark}MM{mark}yyyy" : $"MM{mark}dd{mark}yyyy";
    }

    private static string Header(CsvDialect dialect, string value, long? line)
    {
        string mark = value.Contains(ByteOrderMark, StringComparison.Ordinal)
            ? " It begins with a byte order mark, as where two files were put together." : "";
        return !dialect.HasHeader && line == 1
            ? $"The line holds the names of the columns: it is a header. Leave out -NoHeader.{mark}"
            : $"The line holds the names of the columns: it is a second header.{mark} Take it out of the file, "
                + "or reject it with -OnError Skip.";
    }

    [GeneratedRegex(@"^(?<first>\d{1,2})(?<mark>[./-])\d{1,2}\k<mark>\d{4}\b")]
    private static partial Regex DayFirst();

    [GeneratedRegex(@"^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$")]
    private static partial Regex CommaNumber();
}
