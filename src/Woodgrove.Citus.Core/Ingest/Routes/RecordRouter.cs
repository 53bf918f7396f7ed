using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>Finds each record's shard from its raw bytes: the distribution field, its value, its hash, its range.</summary>
internal sealed class RecordRouter(CsvDialect dialect, int field, ValueHasher hasher, ShardMap shards)
{
    private readonly FieldText _fields = new(dialect);
    private readonly byte[] _null = Encoding.UTF8.GetBytes(dialect.NullValue);
    private readonly Dictionary<string, int> _asked = [];

    /// <summary>The value that the server is to be asked about, after <see cref="RoutingProblem.Unread"/>.</summary>
    public string? Unread { get; private set; }

    /// <summary>Tells what the server answered for a value.</summary>
    public void Learn(string value, int hash)
    {
        if (_asked.Count > 10_000) _asked.Clear();
        _asked[value] = hash;
    }

    /// <summary>Copies a block's records into their shards' buffers until one is full, a record has a problem, or all are done.</summary>
    /// <param name="from">The first record's first byte in the block; afterwards that of the first record that was not copied.</param>
    /// <param name="to">The offset just past the last record's line end.</param>
    /// <param name="shard">The shard of the record that was not copied.</param>
    /// <param name="bounds">The records from <paramref name="from"/> on with their lines, where lines are kept.</param>
    /// <returns>How many were copied, and the problem of the next.</returns>
    // Compiled as it will stay: the runtime's first, slow version would see a good part of a file.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public (int Count, RoutingProblem Problem) Split(
        RecordBlock rows, ref int from, int to, ShardBuffer[] buffers, out int shard, ReadOnlySpan<RecordBounds> bounds = default)
    {
        ReadOnlySpan<byte> block = rows.Block.Span;
        ReadOnlySpan<ulong> lineEnds = rows.LineEnds, delimiters = rows.Delimiters;
        shard = 0;
        (int start, int count) = (from, 0);
        RoutingProblem problem = RoutingProblem.None;
        while (start < to)
        {
            int end = BitMask.Next(lineEnds, start) + 1;
            if (end == 0) end = to;
            problem = Find(block, delimiters, start, end, out shard);
            if (problem != RoutingProblem.None || !buffers[shard].TryAppend(block[start..end], bounds.IsEmpty ? 0 : bounds[count].Line))
                break;
            start = end;
            count++;
        }
        from = start;
        return (count, problem);
    }

    /// <summary>The shard of one record of a block.</summary>
    /// <param name="start">The record's first byte in the block.</param>
    /// <param name="end">The offset just past its line end.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RoutingProblem Find(ReadOnlySpan<byte> block, ReadOnlySpan<ulong> delimiters, int start, int end, out int shard)
    {
        shard = 0;
        // Too few fields: any shard's server refuses the row in the same words.
        if (!TryField(delimiters, start, end, out int from, out int to)) return RoutingProblem.None;
        ReadOnlySpan<byte> text = to < end ? block[from..to] : FieldText.TrimLineEnd(block[from..end]);
        if (_fields.IsQuoted(text)) text = _fields.Unquote(text);
        else if (text.SequenceEqual(_null)) return RoutingProblem.Null;
        if (!hasher.TryHash(text, out int hash) && !TryAnswered(text, out hash)) return RoutingProblem.Unread;
        shard = shards.Find(hash);
        return RoutingProblem.None;
    }

    /// <summary>Where the distribution field lies; it ends at the record's end or beyond where it is the last.</summary>
    /// <returns>False where the record has too few fields.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryField(ReadOnlySpan<ulong> delimiters, int start, int end, out int from, out int to)
    {
        // As a rule the field ends within the record's first 64 bytes.
        ulong window = BitMask.Window(delimiters, start);
        from = start;
        for (int i = 0; i < field && window != 0; i++)
        {
            from = start + BitOperations.TrailingZeroCount(window) + 1;
            window &= window - 1;
        }
        to = start + BitOperations.TrailingZeroCount(window);
        return window != 0 ? from <= end : TryFarField(delimiters, start, end, out from, out to);
    }

    private bool TryFarField(ReadOnlySpan<ulong> delimiters, int start, int end, out int from, out int to)
    {
        (from, to) = (start, end);
        for (int i = 0; i < field; i++)
        {
            from = BitMask.Next(delimiters, from) + 1;
            if (from == 0 || from > end) return false;
        }
        int next = BitMask.Next(delimiters, from);
        if (next >= 0) to = next;
        return true;
    }

    /// <summary>Tells the records that go to some of the shards.</summary>
    public Func<RecordBlock, int, int, bool> SentTo(IReadOnlyList<ShardRange> some) => (rows, start, end) =>
        Find(rows.Block.Span, rows.Delimiters, start, end, out int found) == RoutingProblem.None && some.Contains(shards.Shards[found]);

    private bool TryAnswered(ReadOnlySpan<byte> text, out int hash)
    {
        string value = Encoding.UTF8.GetString(text);
        if (_asked.TryGetValue(value, out hash)) return true;
        Unread = value;
        return false;
    }
}
