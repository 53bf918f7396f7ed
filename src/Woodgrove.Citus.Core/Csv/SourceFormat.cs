using System.Text;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Csv;

/// <summary>
/// Recognizes content that is no CSV, by its first bytes and by what a web server calls it, so that the error names what
/// it is. Signatures of binary formats decide by themselves. Markup decides only where no CSV can be meant: a web server
/// calls the content HTML or XML and it begins with '&lt;'; or the file's line of column names would have to be the
/// beginning of an HTML page or an XML declaration. JSON is recognized only where a web server calls the content so.
/// </summary>
internal static class SourceFormat
{
    /// <summary>How many of the first bytes are looked at.</summary>
    public const int Looked = 4096;

    private const string Unpack = "Unpack it and name the CSV in it, or compress that with gzip or zstd, which are read as they are.";
    private const string Export = "Save or export it as CSV first.";

    private static readonly (byte[] Signature, string Name, string Advice)[] Signatures =
    [
        ([0xFD, .. "7zXZ"u8, 0], "an xz archive", Unpack),
        ([.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive", Unpack),
        ([.. "Rar!"u8, 0x1A, 0x07], "a RAR archive", Unpack),
        ([0x1F, 0x9D], "a file compressed by compress (.Z)", Unpack),
        ([0x04, 0x22, 0x4D, 0x18], "a file compressed by lz4", Unpack),
        ([.. "LZIP"u8, 1], "a file compressed by lzip", Unpack),
        ([0xFF, 0x06, 0x00, 0x00, .. "sNaPpY"u8], "a file compressed by snappy", Unpack),
        ([.. "Obj"u8, 1], "an Avro file", Export),
        ([.. "ARROW1"u8, 0, 0], "an Arrow file", Export),
        ([.. "SQLite format 3"u8, 0], "an SQLite database", Export),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "an Excel workbook (.xls) or another OLE file", Export),
        ([.. "%PDF-"u8], "a PDF document", Export),
        ([.. "PGDMP"u8, 1], "an archive of pg_dump", "Restore it with pg_restore."),
        ([.. "PGCOPY\n"u8, 0xFF, .. "\r\n"u8, 0], "a file of binary COPY", Export),
    ];

    /// <param name="start">The first bytes, decompressed where the content is compressed.</param>
    /// <param name="isCompressed">True where one compression has been undone already.</param>
    /// <exception cref="CitusException">It is something else than CSV.</exception>
    public static void Refuse(ReadOnlySpan<byte> start, bool isCompressed, OpenedSource opened, CsvSource source, CsvDialect dialect)
    {
        if (Binary(start, isCompressed, source.Name) is { } found) throw CsvErrors.NotCsv(source, found.Name, found.Advice);
        string text = Encoding.Latin1.GetString(start).TrimStart('\u00EF', '\u00BB', '\u00BF', ' ', '\t', '\r', '\n');
        if (Markup(text, opened.MediaType, dialect.HasHeader) is not { } markup) return;
        throw CsvErrors.NotCsv(source, markup, opened.MediaType is null ? "Name the CSV itself."
            : "Check the address in a browser that is not signed in, and the credentials it needs.", opened.MediaType);
    }

    /// <summary>
    /// Whether what is called gzip or zstd, and begins as neither, is no text either: its header is damaged. Text is taken
    /// as it is, since browsers and servers decompress such files and leave them their names.
    /// </summary>
    public static bool IsDamagedArchive(ReadOnlySpan<byte> start, OpenedSource opened, CsvSource source, CsvDialect dialect)
    {
        bool isCalledSo = Path.GetExtension(source.Name).ToLowerInvariant() is ".gz" or ".gzip" or ".zst" or ".zstd"
            || opened.MediaType is "application/gzip" or "application/x-gzip" or "application/zstd";
        if (isCalledSo && Compression.IsCutSignature(start)) return true;
        if (!isCalledSo || Binary(start, isCompressed: false, source.Name) is not null || start is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            return false;
        if (dialect.Encoding is not (null or UTF8Encoding))
            return start.ContainsAnyInRange((byte)0, (byte)8) && dialect.Encoding.IsSingleByte;
        return start.ContainsAnyInRange((byte)0, (byte)8) || !IsUtf8(start);
    }

    private static bool IsUtf8(ReadOnlySpan<byte> start)
    {
        try
        {
            // the last character may be cut
            new UTF8Encoding(false, throwOnInvalidBytes: true).GetDecoder().GetCharCount(start, flush: false);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    private static (string Name, string Advice)? Binary(ReadOnlySpan<byte> start, bool isCompressed, string source)
    {
        if (isCompressed && Compression.IsCompressed(start))
            return ("compressed twice: what gzip or zstd holds is gzip or zstd again", "Decompress it once.");
        if (start is [(byte)'P', (byte)'K', 3, 4, ..] or [(byte)'P', (byte)'K', 5, 6, ..] or [(byte)'P', (byte)'K', 7, 8, ..])
            return IsWorkbook(start, source) ? ("an Excel workbook or another office document (a ZIP archive)", Export)
                : ("a ZIP archive", Unpack);
        if (start is [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..])
            return ("a file compressed by bzip2", Unpack);
        if (start.Length > 262 && start[257..].StartsWith("ustar"u8)) return ("a tar archive", Unpack);
        // Columns may have such names; the formats go on with binary data.
        if (start[..Math.Min(start.Length, 64)].ContainsAnyInRange((byte)0, (byte)8))
        {
            if (start.StartsWith("PAR1"u8) || start.StartsWith("PARE"u8)) return ("a Parquet file", Export);
            if (start.StartsWith("ORC"u8)) return ("an ORC file", Export);
        }
        foreach ((byte[] signature, string name, string advice) in Signatures)
        {
            if (start.StartsWith(signature)) return (name, advice);
        }
        return null;
    }

    private static bool IsWorkbook(ReadOnlySpan<byte> start, string source) =>
        Path.GetExtension(source).ToLowerInvariant() is ".xlsx" or ".xlsm" or ".xlsb" or ".ods"
        || start.IndexOf("[Content_Types].xml"u8) >= 0 || start.IndexOf("application/vnd.oasis"u8) >= 0;

    private static string? Markup(string text, string? mediaType, bool hasHeader)
    {
        bool isTag = text.StartsWith('<');
        bool isPage = (Begins(text, "<!doctype html") || Begins(text, "<html>") || Begins(text, "<html "))
            && (Holds(text, "<head") || Holds(text, "<body") || Holds(text, "<title"));
        if (isTag && (mediaType is "text/html" or "application/xhtml+xml")) return "a web page, such as a page to sign in at";
        if (isTag && Is(mediaType, "xml")) return "an XML document";
        if (text is ['{' or '[', ..] && Is(mediaType, "json")) return "a JSON document";
        if (!hasHeader) return null;
        return isPage ? "a web page" : Begins(text, "<?xml version=") ? "an XML document" : null;
    }

    /// <summary>Whether a type such as application/xml or application/problem+json is of a format.</summary>
    private static bool Is(string? mediaType, string format) => mediaType is not null
        && (mediaType.EndsWith("/" + format, StringComparison.Ordinal) || mediaType.EndsWith("+" + format, StringComparison.Ordinal));

    private static bool Begins(string text, string with) => text.StartsWith(with, StringComparison.OrdinalIgnoreCase);

    private static bool Holds(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);
}
