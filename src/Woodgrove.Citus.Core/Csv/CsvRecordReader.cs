using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Csv;

/// <summary>Reads a CSV in blocks of whole records, and knows each block's place in the file.</summary>
internal sealed class CsvRecordReader(CsvInput input, CsvDialect dialect) : RecordBlock
{
    private const int InitialBuffer = 256 * 1024;

    private readonly CsvScanner _scanner = CsvScanner.Create(dialect);
    private byte[] _buffer = new byte[InitialBuffer];
    private ulong[] _lineEnds = new ulong[InitialBuffer / CsvScanner.WordBytes];
    private ulong[] _delimiters = new ulong[InitialBuffer / CsvScanner.WordBytes];
    private ulong[] _others = [];  // a bit for each byte outside quotes that would end a line elsewhere, where the block has some
    private ulong[] _scratch = [], _otherDelimiters = [];
    private byte _lineEnd;
    private int _used;      // end of the block in the buffer
    private int _filled;    // end of the bytes in the buffer
    private bool _ended;

    public override ReadOnlyMemory<byte> Block => _buffer.AsMemory(0, _used);
    public override ReadOnlySpan<ulong> LineEnds => _lineEnds.AsSpan(0, Words(_used));
    public override ReadOnlySpan<ulong> Delimiters => _delimiters.AsSpan(0, Words(_used));

    /// <summary>Records in the block.</summary>
    public int Count { get; private set; }

    /// <summary>Records before the block, the header counted.</summary>
    public long RecordsBefore { get; private set; }

    /// <summary>Bytes before the block, in UTF-8 and without a byte order mark.</summary>
    public long BytesBefore { get; private set; }

    /// <summary>Physical lines before the block.</summary>
    public long LinesBefore { get; private set; } = dialect.SkipLines;

    /// <summary>What ends the first record: LF, CRLF or CR.</summary>
    public string LineEnd { get; private set; } = "LF";

    /// <summary>True where a record of the block has another line end than the first record, outside quotes.</summary>
    public bool MixesLineEnds { get; private set; }

    /// <summary>Whether a record has another line end outside quotes than its own, or its own is not the first record's.</summary>
    public bool HasOtherLineEnd(int start, int end)
    {
        int other = _others.Length == 0 ? -1 : BitMask.Next(_others, start);
        if (other >= end) other = -1;
        return other != (LineEnd == "CRLF" && _buffer[end - 1] == '\n' ? end - 2 : -1);
    }

    /// <summary>Reads the next block.</summary>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="CitusException">The file ends inside quotes, or a record is longer than the dialect allows.</exception>
    public async ValueTask<bool> ReadAsync(CancellationToken stop)
    {
        RecordsBefore += Count;
        BytesBefore += _used;
        LinesBefore += Lines(Block.Span);
        Buffer.BlockCopy(_buffer, _used, _buffer, 0, _filled - _used);
        _filled -= _used;
        (_used, Count) = (0, 0);
        while (_used == 0 && !(_ended && _filled == 0))
        {
            await FillAsync(stop);
            ScanBuffer();
            if (_used == 0 && !_ended) Grow();
        }
        if (_used > 0) FindOtherLineEnds();
        return _used > 0;
    }

    public override long LineAt(int end) => LinesBefore + Lines(Block.Span[..Math.Max(0, end - 1)]) + 1;

    public override void BoundsOf(int from, int to, List<RecordBounds> bounds)
    {
        bounds.Clear();
        for (long line = from == 0 ? LinesBefore : LineAt(from); from < to;)
        {
            int end = EndAfter(from);
            // The last record of the file may have no line end.
            line += Lines(Block.Span[from..end]) + (BitMask.Next(LineEnds, end - 1) == end - 1 ? 0 : 1);
            bounds.Add(new RecordBounds(end, line));
            from = end;
        }
    }

    private async ValueTask FillAsync(CancellationToken stop)
    {
        while (!_ended && _filled < _buffer.Length)
        {
            int count = await input.ReadAsync(_buffer.AsMemory(_filled), stop);
            _filled += count;
            _ended = count == 0;
        }
    }

    private void ScanBuffer()
    {
        ReadOnlySpan<byte> data = _buffer.AsSpan(0, _filled);
        if (_lineEnd == 0) _lineEnd = _scanner.FindLineEnd(data, _ended);
        if (_lineEnd == 0) return;
        Span<ulong> ends = _lineEnds.AsSpan(0, Words(_filled));
        bool inQuotes = _scanner.Scan(data, _lineEnd, ends, _delimiters);
        _used = BitMask.Last(ends) + 1;
        Count = BitMask.Count(ends);
        if (!_ended) return;
        if (inQuotes) throw UnterminatedQuote(BitMask.Last(ends) + 1);
        if (_used == _filled) return;
        _used = _filled; // the last record, without a line end
        Count++;
    }

    private void FindOtherLineEnds()
    {
        ReadOnlySpan<byte> block = Block.Span;
        if (RecordsBefore == 0) LineEnd = _lineEnd == '\r' ? "CR" : block[..EndAfter(0)].EndsWith("\r\n"u8) ? "CRLF" : "LF";
        byte other = _lineEnd == '\r' ? (byte)'\n' : (byte)'\r';
        _others = [];
        MixesLineEnds = LineEnd == "CRLF" && BitMask.Last(LineEnds) >= 0; // unless each LF has its CR
        if (!block.Contains(other)) return;
        if (_scratch.Length != _lineEnds.Length) (_scratch, _otherDelimiters) = (new ulong[_lineEnds.Length], new ulong[_lineEnds.Length]);
        _others = _scratch;
        Span<ulong> found = _others.AsSpan(0, Words(_used));
        _scanner.Scan(block, other, found, _otherDelimiters.AsSpan(0, found.Length));
        MixesLineEnds = LineEnd == "CRLF" ? !IsBeforeEach(found, LineEnds) : BitMask.Last(found) >= 0;
    }

    /// <summary>Whether the bits of one mask are those right before the bits of another.</summary>
    private static bool IsBeforeEach(ReadOnlySpan<ulong> before, ReadOnlySpan<ulong> mask)
    {
        ulong carry = 0;
        for (int w = 0; w < mask.Length; w++)
        {
            if (((before[w] << 1) | carry) != mask[w]) return false;
            carry = before[w] >> 63;
        }
        return carry == 0;
    }

    private CitusException UnterminatedQuote(int start)
    {
        long line = LinesBefore + Lines(_buffer.AsSpan(0, start)) + 1;
        return CsvErrors.UnterminatedQuote(input.Source, line);
    }

    private void Grow()
    {
        if (_filled >= dialect.MaxRecordBytes) throw CsvErrors.TooLong(input.Source, LinesBefore + 1, dialect.MaxRecordBytes);
        // The old arrays go first, so that they never lie beside the larger ones; the bytes need one copy.
        int size = (int)Math.Min((long)_buffer.Length * 2, Math.Max(dialect.MaxRecordBytes, InitialBuffer));
        (_lineEnds, _delimiters) = ([], []);
        Array.Resize(ref _buffer, size);
        _lineEnds = new ulong[Words(size)];
        _delimiters = new ulong[Words(size)];
    }

    private long Lines(ReadOnlySpan<byte> bytes) => bytes.Count(_lineEnd == '\r' ? (byte)'\r' : (byte)'\n');

    private static int Words(int bytes) => (bytes + CsvScanner.WordBytes - 1) / CsvScanner.WordBytes;
}
