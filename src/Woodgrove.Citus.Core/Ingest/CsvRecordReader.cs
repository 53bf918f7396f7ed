using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>Reads a CSV in blocks of whole records, and knows each block's first record and line.</summary>
internal sealed class CsvRecordReader(CsvInput input, CsvDialect dialect)
{
    private const int InitialBuffer = 256 * 1024;
    private const int LargestRecord = 1 << 30; // COPY's own limit for a line

    private readonly CsvRecordScanner _scanner = CsvRecordScanner.Create(dialect);
    private readonly List<int> _ends = new(4096);
    private byte[] _buffer = new byte[InitialBuffer];
    private int _used;      // end of the block in the buffer
    private int _filled;    // end of the bytes in the buffer
    private bool _ended;

    /// <summary>The block's records, line ends included.</summary>
    public ReadOnlyMemory<byte> Block => _buffer.AsMemory(0, _used);

    /// <summary>The offset in <see cref="Block"/> just past each record.</summary>
    public IReadOnlyList<int> Ends => _ends;

    /// <summary>Records before the block, the header counted.</summary>
    public long RecordsBefore { get; private set; }

    /// <summary>Physical lines before the block.</summary>
    public long LinesBefore { get; private set; }

    /// <summary>Reads the next block.</summary>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="CitusException">The file ends inside quotes.</exception>
    public async ValueTask<bool> ReadAsync(CancellationToken stop)
    {
        Advance();
        while (!_ended && _ends.Count == 0)
        {
            if (_filled == _buffer.Length) Grow();
            int count = await input.ReadAsync(_buffer.AsMemory(_filled), stop);
            if (count > 0) Scan(count);
            else End();
        }
        _used = _ends.Count > 0 ? _ends[^1] : 0;
        return _used > 0;
    }

    /// <summary>The physical line on which a record of the block ends.</summary>
    public long LineOf(int record) => LinesBefore + Lines(Block.Span[..Math.Max(0, _ends[record] - 1)]) + 1;

    private void Advance()
    {
        RecordsBefore += _ends.Count;
        LinesBefore += Lines(Block.Span);
        Buffer.BlockCopy(_buffer, _used, _buffer, 0, _filled - _used);
        _filled -= _used;
        _used = 0;
        _ends.Clear();
    }

    private void Scan(int count)
    {
        _scanner.FindEnds(_buffer.AsSpan(_filled, count), _ends);
        for (int i = 0; i < _ends.Count; i++) _ends[i] += _filled;
        _filled += count;
    }

    private void End()
    {
        _ended = true;
        _scanner.EndOfFile();
        if (_scanner.InQuotes)
        {
            throw new CitusException("CitusUnterminatedQuote", CitusErrorKind.InvalidData,
                $"{input.Source}, line {LinesBefore + 1:N0}: a quote that opens in this record is never closed. Nothing was loaded.",
                "Close the quote, double it where it belongs to the value, or name the file's own with -Quote.")
            { Target = input.Source.Name, Row = new RefusedRow(input.Source.Name, LinesBefore + 1, null, null, "22P04", "unterminated quote") };
        }
        if (_filled > 0) _ends.Add(_filled); // the last record, without a line end
    }

    private void Grow()
    {
        if (_buffer.Length >= LargestRecord)
        {
            throw new CitusException("CitusRecordTooLong", CitusErrorKind.InvalidData,
                $"{input.Source}, line {LinesBefore + 1:N0}: a record of more than 1 GB.",
                "A quote in it is probably never closed, or -Quote is not the file's.")
            { Target = input.Source.Name, Row = new RefusedRow(input.Source.Name, LinesBefore + 1, null, null, null, "record too long") };
        }
        Array.Resize(ref _buffer, _buffer.Length * 2);
    }

    private long Lines(ReadOnlySpan<byte> bytes) => bytes.Count(_scanner.LineEnd == '\r' ? (byte)'\r' : (byte)'\n');
}
