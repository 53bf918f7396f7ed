using System.Buffers;
using System.Text;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>Text of any encoding as UTF-8. Bytes that the encoding does not define end it, with their place.</summary>
internal sealed class Utf8Transcoder : ReadOnlyStream
{
    private const int Size = 64 * 1024;
    private const int LongestCharacter = 4;

    private readonly Stream _content;
    private readonly Encoding _encoding;
    private readonly Decoder _decoder;
    private readonly Encoder _encoder = new UTF8Encoding(false, throwOnInvalidBytes: true).GetEncoder();
    private readonly SearchValues<byte>? _undefined;
    private readonly SearchValues<char>? _substitutes;
    private readonly byte[] _bytes = new byte[LongestCharacter + Size]; // the end of the piece before, and the piece
    private readonly char[] _chars;
    private readonly byte[] _utf8;
    private int _given, _there; // of the UTF-8 bytes
    private long _offset;       // of the piece
    private long _lineFeeds, _carriageReturns;
    private bool _ended;

    /// <param name="offset">The place of the first byte of the content in the source, behind a byte order mark.</param>
    public Utf8Transcoder(Stream content, Encoding encoding, long offset)
    {
        (_content, _offset) = (content, offset);
        _encoding = Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ReplacementFallback);
        _decoder = Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)
            .GetDecoder();
        (_undefined, _substitutes) = (UndefinedBytes.Of(_encoding), UndefinedBytes.SubstitutesOf(_encoding));
        _chars = new char[encoding.GetMaxCharCount(Size)];
        _utf8 = new byte[Encoding.UTF8.GetMaxByteCount(_chars.Length)];
    }

    /// <exception cref="UndefinedBytesException">The encoding does not define the bytes that come next.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_given == _there && !_ended)
        {
            int count = await _content.ReadAsync(_bytes.AsMemory(LongestCharacter), cancellationToken);
            _ended = count == 0;
            (_given, _there) = (0, Transcode(count));
        }
        int length = Math.Min(buffer.Length, _there - _given);
        _utf8.AsMemory(_given, length).CopyTo(buffer);
        _given += length;
        return length;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _content.Dispose();
        base.Dispose(disposing);
    }

    private int Transcode(int count)
    {
        Span<byte> piece = _bytes.AsSpan(LongestCharacter, count);
        if (_undefined is not null && piece.IndexOfAny(_undefined) is >= 0 and int at) throw Undefined(at, [piece[at]]);
        int length;
        try
        {
            length = _decoder.GetChars(piece, _chars, flush: count == 0);
        }
        catch (DecoderFallbackException e)
        {
            throw Undefined(PlaceOf(e.BytesUnknown!, e.Index, count), e.BytesUnknown!);
        }
        Span<char> chars = _chars.AsSpan(0, length);
        if (_substitutes is not null && chars.IndexOfAny(_substitutes) is >= 0 and int odd)
        {
            int place = _encoding.GetByteCount(chars[..odd]);
            throw Undefined(place, [_bytes[LongestCharacter + Math.Min(place, count - 1)]]);
        }
        _lineFeeds += chars.Count('\n');
        _carriageReturns += chars.Count('\r');
        _offset += count;
        // The next piece may complete a character that begins in this one.
        _bytes.AsSpan(count, LongestCharacter).CopyTo(_bytes);
        return _encoder.GetBytes(chars, _utf8, flush: count == 0);
    }

    /// <summary>Where in the piece the bytes are: the decoder's own index is only near it.</summary>
    private int PlaceOf(byte[] unknown, int index, int count)
    {
        int unit = _encoding is UnicodeEncoding ? 2 : _encoding is UTF32Encoding ? 4 : 1;
        for (int place = Math.Max(index - unknown.Length - 1, -LongestCharacter); place + unknown.Length <= count; place++)
        {
            if ((_offset + place) % unit == 0 && _bytes.AsSpan(LongestCharacter + place, unknown.Length).SequenceEqual(unknown))
                return place;
        }
        return Math.Max(index, 0);
    }

    private UndefinedBytesException Undefined(int place, byte[] bytes)
    {
        string before = _encoding.GetString(_bytes, LongestCharacter, Math.Max(place, 0));
        (long lineFeeds, long carriageReturns) = (_lineFeeds + before.Count(c => c == '\n'), _carriageReturns
            + before.Count(c => c == '\r'));
        return new UndefinedBytesException(bytes, _offset + place, 1 + (lineFeeds > 0 ? lineFeeds : carriageReturns));
    }
}
