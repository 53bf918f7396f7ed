using System.Globalization;
using System.Text;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>The errors about rows that were refused, and about the files and limits for rejected ones.</summary>
internal static class RejectErrors
{
    private const int LongestValue = 100;

    /// <summary>A row was refused, and refused rows end the load.</summary>
    /// <param name="reason">As a sentence; null takes the row's.</param>
    public static CitusException RowRefused(RefusedRow row, string advice, string? reason = null, Exception? cause = null)
    {
        var where = new StringBuilder(row.Source);
        if (row.Line is not null) where.Append(CultureInfo.InvariantCulture, $", line {row.Line}");
        if (row.Column is not null) where.Append(CultureInfo.InvariantCulture, $", column {row.Column}");
        if (row.Value is { } value)
            where.Append(CultureInfo.InvariantCulture,
                $", value \"{(value.Length <= LongestValue ? value : value[..(LongestValue - 3)] + "...")}\"");
        return new CitusException("CitusRowRefused", CitusErrorKind.InvalidData,
            $"{where}: {reason ?? row.Reason.TrimEnd('.') + "."} (SQLSTATE {row.SqlState})", advice, cause)
        { Target = row.Source, SqlState = row.SqlState, Row = row };
    }

    /// <summary>A row without a distribution value.</summary>
    public static RefusedRow NullKeyRow(CsvSource source, TableInfo table, long line) =>
        new(source.Name, line, table.DistributionColumn, "",
        PostgresErrorCodes.NullValueNotAllowed, $"{table.DistributionColumn} is NULL, so no shard can be chosen for the row");

    /// <summary>What to do about a refused row, by its SQLSTATE alone.</summary>
    public static string Advice(string sqlState, CsvDialect dialect) => sqlState switch
    {
        PostgresErrorCodes.UniqueViolation =>
            "Remove the duplicate from the file or from the table; -OnConflict Skip leaves out rows that are there already, "
                + "-OnConflict Update overwrites them.",
        PostgresErrorCodes.ForeignKeyViolation => "Load the referenced table first.",
        PostgresErrorCodes.NullValueNotAllowed or PostgresErrorCodes.NotNullViolation when dialect.NullValue.Length == 0 =>
            "An empty unquoted field is NULL; quote it (\"\") for an empty text, or name the file's own mark with -NullValue.",
        PostgresErrorCodes.BadCopyFileFormat => "Check the line's delimiters and quotes.",
        PostgresErrorCodes.CharacterNotInRepertoire => "Name the file's encoding with -Encoding, such as -Encoding windows-1252.",
        PostgresErrorCodes.InvalidTextRepresentation or PostgresErrorCodes.InvalidDatetimeFormat
            or PostgresErrorCodes.DatetimeFieldOverflow =>
            "Fix the line, or skip such rows with -OnError Skip. Numbers, times and booleans in other formats are "
                + "read with -Culture, -DateTimeFormat, -TrueValue and -FalseValue.",
        _ => "Fix the line, or skip such rows with -OnError Skip.",
    };

    /// <param name="what">What passed the limit.</param>
    /// <param name="last">The row that was refused last, or null.</param>
    public static CitusException TooMany(CsvSource source, string what, RefusedRow? last)
    {
        string seen = last is null ? "" : $" The last is line {last.Line}{(last.Column is null ? "" : $", column {last.Column}")}: "
            + $"{last.Reason.TrimEnd('.')}.";
        return new CitusException("CitusTooManyErrors", CitusErrorKind.LimitsExceeded,
            $"{source}: {what}, and -MaxErrors allows no more.{seen}",
            "Fix the file, or raise -MaxErrors. Without -MaxErrors, -RejectPath writes all rejected rows and their reasons to files.")
        { Target = source.Name, Row = last };
    }

    public static CitusException InvalidLimit(string text) => new("CitusInvalidErrorLimit", CitusErrorKind.InvalidArgument,
        $"'{text}' is neither a number of rows nor a percentage.", "Use for example 100 or 0.5%.");

    /// <param name="written">The file that would be overwritten.</param>
    public static CitusException PathIsSource(string written, CsvSource source)
    {
        string byLink = string.Equals(written, source.FilePath, StringComparison.Ordinal) ? "" : " by another name or by a link";
        return new CitusException("CitusRejectPathIsSource", CitusErrorKind.InvalidArgument,
            $"-RejectPath would overwrite {written}, which is the source {source.Name}{byLink}. Nothing was read or written.",
            "Name another file, or a folder, with -RejectPath.") { Target = source.Name };
    }
}
