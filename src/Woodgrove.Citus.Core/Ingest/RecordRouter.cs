using System.Text;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Ingest;

/// <summary>Why a record has no shard.</summary>
internal enum RoutingProblem
{
    None,

    /// <summary>Its distribution value is NULL.</summary>
    Null,

    /// <summary>Its value is written in a way that only the server can read; <see cref="RecordRouter.Unread"/> has it.</summary>
    Unread,
}

/// <summary>Finds each record's shard from its raw bytes: the distribution field, its value, its hash, its range.</summary>
internal sealed class RecordRouter(CsvDialect dialect, int field, ValueHasher hasher, ShardMap shards)
{
    private readonly byte _quote = dialect.QuoteByte, _escape = dialect.EscapeByte;
    private readonly byte[] _null = Encoding.UTF8.GetBytes(dialect.NullValue);
    private readonly Dictionary<string, int> _asked = [];
    private byte[] _unquoted = new byte[256];

    /// <summary>The value that the server is to be asked about, after <see cref="RoutingProblem.Unread"/>.</summary>
    public string? Unread { get; private set; }

    /// <summary>Tells what the server answered for a value.</summary>
    public void Learn(string value, int hash)
    {
        if (_asked.Count > 10_000) _asked.Clear();
        _asked[value] = hash;
    }

    /// <summary>The shard of one record of a block.</summary>
    /// <param name="start">The record's first byte in the block.</param>
    /// <param name="end">The offset just past its line end.</param>
    public RoutingProblem Find(ReadOnlySpan<byte> block, ReadOnlySpan<ulong> delimiters, int start, int end, out int shard)
    {
        shard = 0;
        int from = start;
        for (int i = 0; i < field; i++)
        {
            from = BitMask.Next(delimiters, from) + 1;
            // Too few fields: any shard's server refuses the row in the same words.
            if (from == 0 || from > end) return RoutingProblem.None;
        }
        int to = BitMask.Next(delimiters, from);
        ReadOnlySpan<byte> text = to >= 0 && to < end ? block[from..to] : TrimLineEnd(block[from..end]);
        if (text.IndexOf(_quote) >= 0) text = Unquote(text);
        else if (text.SequenceEqual(_null)) return RoutingProblem.Null;

        if (!hasher.TryHash(text, out int hash))
        {
            string value = Encoding.UTF8.GetString(text);
            if (!_asked.TryGetValue(value, out hash))
            {
                Unread = value;
                return RoutingProblem.Unread;
            }
        }
        shard = shards.Find(hash);
        return RoutingProblem.None;
    }

    private static ReadOnlySpan<byte> TrimLineEnd(ReadOnlySpan<byte> text)
    {
        if (text.EndsWith("\r\n"u8)) return text[..^2];
        return text.Length > 0 && text[^1] is (byte)'\n' or (byte)'\r' ? text[..^1] : text;
    }

    /// <summary>What COPY makes of a field with quotes in it.</summary>
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
