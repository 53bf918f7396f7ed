using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Csv;

/// <summary>Errors and warnings of what a file holds, whatever table it is for.</summary>
internal static class CsvErrors
{
    public static CitusException EndNotProven(CsvSource source, long bytes) =>
        new("CitusDownloadFailed", CitusErrorKind.ResourceUnavailable,
            $"{source}: the web server gave neither a length nor chunks, so a download that was cut off looks like a whole one "
                + $"(byte {bytes}).",
            "Have it served with a Content-Length, or compressed by gzip or zstd, whose end is checked; or download it, "
                + "check it, and load the file.") { Target = source.Name };

    public static CitusException UndefinedBytes(CsvSource source, UndefinedBytesException bytes, string encoding, bool isCompressed) =>
        new("CitusInvalidEncoding", CitusErrorKind.InvalidData,
                $"{source}, line {bytes.Line}: {(bytes.Bytes.Length == 1 ? $"the byte {bytes.Hex} is" : $"the bytes {bytes.Hex} are")} "
                    + $"not defined in {encoding} (byte {bytes.Offset} of the {(isCompressed ? "decompressed " : "")}file, counted from 0).",
                "Name the encoding that the file is really in with -Encoding.", bytes)
            { Target = source.Name, Row = new RefusedRow(source.Name, bytes.Line, null, null, "22021",
                $"{bytes.Hex} is not defined in {encoding}") };

    public static CitusException Damaged(CsvSource source, DamagedDataException damage) =>
        new("CitusInvalidCompression", CitusErrorKind.InvalidData,
            $"{source}: the compressed data is damaged at byte {damage.Offset}: {damage.Message}.",
            "Get the file again, and compare its size or checksum with the original's.", damage) { Target = source.Name };

    public static CitusException NothingBelowSkipped(CsvSource source, int lines) =>
        new("CitusCsvEmpty", CitusErrorKind.InvalidData,
            $"{source} has no more than the {lines} lines that -SkipLines leaves out.",
            "Check how the file was written, and how many lines stand above its header.") { Target = source.Name };

    public static CitusException Empty(CsvSource source) =>
        new("CitusCsvEmpty", CitusErrorKind.InvalidData, $"{source} is empty.",
            "Check how the file was written; a load that finds nothing is more often a broken export than an empty day.")
                { Target = source.Name };

    public static CitusException UnterminatedQuote(CsvSource source, long line) =>
        new("CitusUnterminatedQuote", CitusErrorKind.InvalidData,
                $"{source}, line {line}: a quote that opens in this record is never closed.",
                "Close the quote, double it where it belongs to the value, or name the file's own with -Quote; "
                    + "a file that has no quoting is read with -Quote $null.")
            { Target = source.Name, Row = new RefusedRow(source.Name, line, null, null, "22P04", "unterminated quote") };

    /// <summary>A record that is longer than allowed, and the line where it begins.</summary>
    public static CitusException TooLong(CsvSource source, long line, long most, bool isHeader = false) =>
        new("CitusRecordTooLong", CitusErrorKind.LimitsExceeded,
                $"{source}, line {line}: the {(isHeader ? "line of column names" : "record that begins here")} is longer than {most:N0} "
                    + "bytes.",
                "Most likely a quote in it is never closed, or -Quote or -Delimiter is not the file's. If its values really are so long, "
                    + "raise -MaxRecordSize.")
            { Target = source.Name, Row = new RefusedRow(source.Name, line, null, null, "54000", "record too long") };

    public static CitusException NotACharacter(string parameter, char c) =>
        new("CitusInvalidDialect", CitusErrorKind.InvalidArgument,
            $"-{parameter} is U+{(int)c:X4}; COPY takes one ASCII character other than a line end.",
            "Choose another, or convert the file.");

    public static CitusException DelimiterIsQuote(char quote) =>
        new("CitusInvalidDialect", CitusErrorKind.InvalidArgument,
            $"-Delimiter and -Quote are both '{quote}'.", "They must differ.");

    public static CitusException NotCsv(CsvSource source, string what, string advice, string? mediaType = null) =>
        new("CitusUnsupportedFormat", CitusErrorKind.InvalidData,
            $"{source} is not CSV: it is {what}{(mediaType is null ? "" : $" (Content-Type {mediaType})")}.", advice)
                { Target = source.Name };

    /// <summary>The warning that lines above the header are left out.</summary>
    public static string Skips(CsvSource source, int line, string what, int lines) =>
        $"{source}, line {line}: {what} (as -SkipLines {lines} does).";
}
