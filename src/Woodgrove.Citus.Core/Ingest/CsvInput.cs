using System.Text;
using CsvHelper;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>
/// An opened CSV: its bytes as UTF-8 without a byte order mark, whatever the file's encoding, and the fields of
/// its first record, looked at before anything is sent.
/// </summary>
internal sealed class CsvInput : IAsyncDisposable
{
    /// <summary>A first record longer than this is taken for a quote that never closes.</summary>
    private const int MaxFirstRecord = 16 * 1024 * 1024;

    private readonly CountingStream _raw;
    private readonly Stream _utf8;
    private byte[] _head;
    private int _headLength;
    private int _headSent;

    private CsvInput(CsvSource source, CountingStream raw, Stream utf8, long? length)
    {
        Source = source;
        _raw = raw;
        _utf8 = utf8;
        Length = length;
        _head = new byte[256 * 1024];
    }

    public CsvSource Source { get; }

    /// <summary>The source's length in bytes, in its own encoding, where it is known.</summary>
    public long? Length { get; }

    /// <summary>True for gzip and zstd.</summary>
    public bool IsCompressed { get; private init; }

    /// <summary>The source's encoding, such as utf-8.</summary>
    public string EncodingName { get; private init; } = "";

    /// <summary>Bytes of the source read so far, in its own encoding.</summary>
    public long BytesRead => _raw.Count;

    /// <summary>The fields of the first record: the header's names, or the first row's values.</summary>
    public IReadOnlyList<string> FirstRecord { get; private set; } = [];

    /// <summary>The first record as text, for messages.</summary>
    public string FirstLine { get; private set; } = "";

    public static async Task<CsvInput> OpenAsync(CsvSource source, CsvDialect dialect, CancellationToken stop)
    {
        (Stream content, long? length) = await source.OpenAsync(stop);
        var raw = new CountingStream(content);
        try
        {
            Stream plain = await Compression.UndoAsync(raw, stop);
            (Encoding encoding, byte[] start) = await DetectEncodingAsync(plain, dialect.Encoding, stop);
            Stream whole = start.Length == 0 ? plain : new PrefixedStream(start, plain);
            Stream utf8 = encoding is UTF8Encoding ? whole : Encoding.CreateTranscodingStream(whole, Strict(encoding), Encoding.UTF8);
            var input = new CsvInput(source, raw, utf8, length) { IsCompressed = plain is not PrefixedStream, EncodingName = encoding.WebName };
            await input.ReadFirstRecordAsync(dialect, stop);
            return input;
        }
        catch
        {
            await raw.DisposeAsync();
            throw;
        }
    }

    /// <summary>The next bytes of the file, in UTF-8; 0 at its end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken stop)
    {
        if (_headSent == _headLength) return await ReadUtf8Async(buffer, stop);
        int count = Math.Min(buffer.Length, _headLength - _headSent);
        _head.AsMemory(_headSent, count).CopyTo(buffer);
        _headSent += count;
        if (_headSent == _headLength) _head = [];
        if (_headSent == _headLength) (_headSent, _headLength) = (0, 0);
        return count;
    }

    public async ValueTask DisposeAsync()
    {
        await _utf8.DisposeAsync();
        await _raw.DisposeAsync();
    }

    private async ValueTask<int> ReadUtf8Async(Memory<byte> buffer, CancellationToken stop)
    {
        try
        {
            return await _utf8.ReadAsync(buffer, stop);
        }
        catch (Exception e) when (e is InvalidDataException or ZstdSharp.ZstdException)
        {
            throw new CitusException("CitusInvalidCompression", CitusErrorKind.InvalidData,
                $"{Source}: the compressed data is damaged near byte {_raw.Count}: {e.Message}", "Get the file again.", e) { Target = Source.Name };
        }
        catch (DecoderFallbackException e)
        {
            throw new CitusException("CitusInvalidEncoding", CitusErrorKind.InvalidData,
                $"{Source}: the bytes {Convert.ToHexString(e.BytesUnknown ?? [])} near offset {_raw.Count:N0} are not valid in the file's encoding.",
                "Name the encoding that the file is really in with -Encoding.", e) { Target = Source.Name };
        }
    }

    private async Task ReadFirstRecordAsync(CsvDialect dialect, CancellationToken stop)
    {
        CsvScanner scanner = CsvScanner.Create(dialect);
        int length;
        while (true)
        {
            if (_headLength == _head.Length) Array.Resize(ref _head, _head.Length * 2);
            int count = await ReadUtf8Async(_head.AsMemory(_headLength), stop);
            _headLength += count;
            if (FirstRecordLength(scanner, _head.AsSpan(0, _headLength), count == 0) is { } found)
            {
                length = found;
                break;
            }
            if (_headLength > MaxFirstRecord)
            {
                throw new CitusException("CitusUnterminatedQuote", CitusErrorKind.InvalidData,
                    $"{Source}: no end of the first record within {MaxFirstRecord / 1024 / 1024} MB.",
                    "A quote on the first line is probably never closed, or -Quote is not the file's.")
                { Target = Source.Name, Row = new RefusedRow(Source.Name, 1, null, null, null, "no end of record") };
            }
        }
        FirstLine = Encoding.UTF8.GetString(_head, 0, length).TrimEnd('\r', '\n');
        if (length == _headLength && FirstLine.Length == 0)
        {
            throw new CitusException("CitusCsvEmpty", CitusErrorKind.InvalidData, $"{Source} is empty; nothing was loaded.",
                "Check how the file was written; a load that finds nothing is more often a broken export than an empty day.") { Target = Source.Name };
        }
        using var parser = new CsvParser(new StringReader(FirstLine), dialect.ForCsvHelper());
        FirstRecord = parser.Read() ? parser.Record! : [""];
    }

    /// <summary>The length of the first record, or null where more bytes are needed to tell.</summary>
    private static int? FirstRecordLength(CsvScanner scanner, ReadOnlySpan<byte> data, bool isWhole)
    {
        byte lineEnd = scanner.FindLineEnd(data, isWhole);
        if (lineEnd == 0) return null;
        var lineEnds = new ulong[data.Length / CsvScanner.WordBytes + 1];
        scanner.Scan(data, lineEnd, lineEnds, new ulong[lineEnds.Length]);
        int end = BitMask.Next(lineEnds, 0);
        return end >= 0 ? end + 1 : isWhole ? data.Length : null;
    }

    private static async Task<(Encoding Encoding, byte[] Start)> DetectEncodingAsync(Stream raw, Encoding? asked, CancellationToken stop)
    {
        var start = new byte[4];
        int count = await raw.ReadAtLeastAsync(start, 4, throwOnEndOfStream: false, stop);
        (Encoding encoding, int mark) = start.AsSpan(0, count) switch
        {
            [0xEF, 0xBB, 0xBF, ..] => (Encoding.UTF8, 3),
            [0xFF, 0xFE, 0, 0] => (Encoding.UTF32, 4),
            [0xFF, 0xFE, ..] => (Encoding.Unicode, 2),
            [0xFE, 0xFF, ..] => (Encoding.BigEndianUnicode, 2),
            // No mark, but ASCII in two bytes each: UTF-16 as some exports write it.
            [not 0, 0, not 0, 0] when asked is null => (Encoding.Unicode, 0),
            [0, not 0, 0, not 0] when asked is null => (Encoding.BigEndianUnicode, 0),
            _ => (asked ?? Encoding.UTF8, 0),
        };
        return (encoding, start[mark..count]);
    }

    private static Encoding Strict(Encoding encoding) =>
        Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
}
