using System.Text;

namespace Woodgrove.Citus.Ingest;

/// <summary>Reads fields as COPY does: unquoted, and NULL where one is the NULL text without quotes.</summary>
internal sealed class CsvFields(CsvDialect dialect)
{
    private readonly byte _quote = dialect.QuoteByte, _escape = dialect.EscapeByte;
    private readonly byte[] _null = Encoding.UTF8.GetBytes(dialect.NullValue);
    private byte[] _unquoted = new byte[1024];

    /// <summary>The next field of a record; its bytes are good until the one after.</summary>
    /// <param name="at">The field's first byte in the block; afterwards that of the next, or -1 after the last.</param>
    /// <param name="end">The offset just past the record's line end.</param>
    public bool TryNext(ReadOnlySpan<byte> block, ReadOnlySpan<ulong> delimiters, ref int at, int end, out ReadOnlySpan<byte> text, out bool isNull)
    {
        text = default;
        isNull = false;
        if (at < 0) return false;
        int to = BitMask.Next(delimiters, at);
        bool last = to < 0 || to >= end;
        text = last ? block[at..end].TrimEnd("\r\n"u8) : block[at..to];
        at = last ? -1 : to + 1;
        if (text.IndexOf(_quote) >= 0) text = Unquote(text);
        else isNull = text.SequenceEqual(_null);
        return true;
    }

    private ReadOnlySpan<byte> Unquote(ReadOnlySpan<byte> text)
    {
        if (_unquoted.Length < text.Length) _unquoted = new byte[text.Length * 2];
        int length = 0;
        bool inside = false;
        for (int i = 0; i < text.Length; i++)
        {
            byte b = text[i];
            if (inside && b == _escape && i + 1 < text.Length && (text[i + 1] == _quote || text[i + 1] == _escape)) _unquoted[length++] = text[++i];
            else if (b == _quote) inside = !inside;
            else _unquoted[length++] = b;
        }
        return _unquoted.AsSpan(0, length);
    }
}
