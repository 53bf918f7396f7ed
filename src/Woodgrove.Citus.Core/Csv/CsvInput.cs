using System.Text;
using CsvHelper;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Csv;

/// <summary>
/// An opened CSV: its bytes as UTF-8 without a byte order mark, whatever the file's encoding, and the fields of
/// its first record, looked at before anything is sent.
/// </summary>
internal sealed class CsvInput : IAsyncDisposable
{
    /// <summary>A line of column names longer than this is taken for a quote that is never closed.</summary>
    private const int MaxHeader = 16 * 1024 * 1024;

    /// <summary>How far to look for a header below lines of titles.</summary>
    private const int LooksAhead = 8192, MostTitles = 20;

    private readonly CountingStream _raw;
    private readonly Stream _utf8;
    private byte[] _head;
    private int _headLength;
    private int _headSent;
    private bool _isEndProven;

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

    /// <summary>The first lines, as far as they have been read; for messages about what stands above a header.</summary>
    public IReadOnlyList<string> FirstLines { get; private set; } = [];

    public static async Task<CsvInput> OpenAsync(CsvSource source, CsvDialect dialect, CancellationToken stop)
    {
        OpenedSource opened = await source.OpenAsync(stop);
        var raw = new CountingStream(opened.Content);
        try
        {
            (byte[] start, Stream plain, bool isCompressed) = await DecompressAsync(raw, opened, stop);
            if (!isCompressed && SourceFormat.IsDamagedArchive(start, opened, source, dialect))
                throw new DamagedDataException(0,
                    "by its name it is compressed, but it begins with neither a gzip nor a zstd header, nor is it text");
            SourceFormat.Refuse(start, isCompressed, opened, source, dialect);
            (Encoding encoding, int mark) = DetectEncoding(start, dialect.Encoding);
            plain = new PrefixedStream(start[mark..], plain);
            Stream utf8 = encoding is UTF8Encoding ? plain : new Utf8Transcoder(plain, encoding, mark);
            var input = new CsvInput(source, raw, utf8, opened.Length) { IsCompressed = isCompressed, EncodingName = encoding.WebName,
                _isEndProven = opened.IsEndProven || isCompressed };
            await input.ReadFirstRecordAsync(dialect, stop);
            return input;
        }
        catch (DamagedDataException e)
        {
            await raw.DisposeAsync();
            throw CsvErrors.Damaged(source, e);
        }
        catch
        {
            await raw.DisposeAsync();
            throw;
        }
    }

    /// <summary>Undoes the compression: a web server's, which it did on the way, and the file's own.</summary>
    /// <returns>The first bytes, and the content behind them.</returns>
    private static async Task<(byte[] Start, Stream Content, bool IsCompressed)> DecompressAsync(Stream raw, OpenedSource opened,
        CancellationToken stop)
    {
        Stream content = raw;
        byte[] start = await StartAsync(content, stop);
        int layers = opened.IsEncoded ? 2 : 1, undone = 0;
        while (undone < layers && Compression.Undo(start, new PrefixedStream(start, content)) is { } plain)
        {
            (content, undone) = (plain, undone + 1);
            start = await StartAsync(content, stop);
        }
        return (start, content, undone > 0);
    }

    private static async Task<byte[]> StartAsync(Stream content, CancellationToken stop)
    {
        var start = new byte[SourceFormat.Looked];
        return start[..await content.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, stop)];
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
            int count = await _utf8.ReadAsync(buffer, stop);
            if (count == 0 && buffer.Length > 0 && !_isEndProven) throw CsvErrors.EndNotProven(Source, _raw.Count);
            return count;
        }
        catch (DamagedDataException e)
        {
            throw CsvErrors.Damaged(Source, e);
        }
        catch (UndefinedBytesException e)
        {
            throw CsvErrors.UndefinedBytes(Source, e, EncodingName, IsCompressed);
        }
    }

    /// <summary>Leaves out the first lines, quotes or not.</summary>
    private async Task SkipLinesAsync(int count, CancellationToken stop)
    {
        for (int left = count; left > 0;)
        {
            int read = await ReadUtf8Async(_head.AsMemory(_headLength), stop);
            _headLength += read;
            ReadOnlySpan<byte> head = _head.AsSpan(0, _headLength);
            int used = 0;
            while (left > 0 && head[used..].IndexOfAny((byte)'\n', (byte)'\r') is >= 0 and int at)
            {
                // After a CR the next byte decides.
                if (head[used + at] == '\r' && used + at + 1 == head.Length && read > 0) break;
                used += at + (head[(used + at)..].StartsWith("\r\n"u8) ? 2 : 1);
                left--;
            }
            // Of a line that has not ended yet, only a CR is kept.
            if (left > 0 && used < head.Length) used = head[^1] == '\r' && read > 0 ? head.Length - 1 : head.Length;
            _head.AsSpan(used, _headLength - used).CopyTo(_head);
            _headLength -= used;
            if (left > 0 && read == 0) throw CsvErrors.NothingBelowSkipped(Source, count);
        }
    }

    private async Task ReadFirstRecordAsync(CsvDialect dialect, CancellationToken stop)
    {
        await SkipLinesAsync(dialect.SkipLines, stop);
        CsvScanner scanner = CsvScanner.Create(dialect);
        long most = dialect.HasHeader ? Math.Min(MaxHeader, dialect.MaxRecordBytes) : dialect.MaxRecordBytes;
        int length;
        for (bool isFirst = true; ; isFirst = false)
        {
            if (_headLength == _head.Length) Array.Resize(ref _head, _head.Length * 2);
            int count = await ReadUtf8Async(_head.AsMemory(_headLength), stop);
            bool mayEnd = count == 0 || isFirst || _head.AsSpan(_headLength, count).IndexOfAny((byte)'\n', (byte)'\r') >= 0;
            _headLength += count;
            if (mayEnd && FirstRecordLength(scanner, _head.AsSpan(0, _headLength), count == 0) is { } found)
            {
                length = found;
                break;
            }
            if (_headLength > most) throw CsvErrors.TooLong(Source, dialect.SkipLines + 1, most, dialect.HasHeader);
        }
        FirstLine = Encoding.UTF8.GetString(_head, 0, length).TrimEnd('\r', '\n');
        FirstLines = [.. Encoding.UTF8.GetString(_head, 0, Math.Min(_headLength, LooksAhead)).Split('\n').Select(l => l.TrimEnd('\r'))
            .Take(MostTitles + 1)];
        if (length == _headLength && FirstLine.Length == 0) throw CsvErrors.Empty(Source);
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

    /// <returns>The encoding, and the length of its byte order mark.</returns>
    private static (Encoding Encoding, int Mark) DetectEncoding(ReadOnlySpan<byte> start, Encoding? asked) => start switch
    {
        [0xEF, 0xBB, 0xBF, ..] => (Encoding.UTF8, 3),
        [0xFF, 0xFE, 0, 0, ..] => (Encoding.UTF32, 4),
        [0xFF, 0xFE, ..] => (Encoding.Unicode, 2),
        [0xFE, 0xFF, ..] => (Encoding.BigEndianUnicode, 2),
        // No mark, but ASCII in two bytes each: UTF-16 as some exports write it.
        [not 0, 0, not 0, 0, ..] when asked is null => (Encoding.Unicode, 0),
        [0, not 0, 0, not 0, ..] when asked is null => (Encoding.BigEndianUnicode, 0),
        _ => (asked ?? Encoding.UTF8, 0),
    };
}
