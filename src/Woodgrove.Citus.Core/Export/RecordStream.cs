using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Export;

/// <summary>The CSV that one COPY gives, cut at the ends of its records and handed on as it came, without a string.</summary>
/// <param name="escape">Escapes formulas on the way, or null.</param>
internal sealed class RecordStream(CitusConnection connection, CsvDialect dialect, ExportFile file, FormulaEscape? escape)
{
    private const int InitialBuffer = 1024 * 1024;
    private const int Slack = 64 * 1024; // a read gives one row, and reads into a few last bytes would cut it

    private readonly CsvScanner _scanner = CsvScanner.Create(dialect);
    private byte[] _buffer = new byte[InitialBuffer], _spare = new byte[InitialBuffer];
    private ulong[] _lineEnds = [], _delimiters = [];
    private Task _writing = Task.CompletedTask;

    /// <summary>Copies all that a COPY … TO STDOUT gives into the file.</summary>
    /// <param name="node">The session's node; default is where the connection leads.</param>
    /// <param name="header">Lines at its beginning that are no row: 1 where the COPY gives a header.</param>
    public async Task CopyAsync(NodeName node, NpgsqlConnection session, string command, int header, CancellationToken stop)
    {
        var text = (StreamReader)await session.BeginTextExportAsync(command, stop);
        var copy = (NpgsqlRawCopyStream)text.BaseStream;
        try
        {
            int filled = 0;
            for (bool ended = false; !ended;)
            {
                (filled, ended) = await FillAsync(copy, filled, stop);
                (int end, int records) = Cut(filled);
                await _writing;
                if (end > 0)
                {
                    (ReadOnlyMemory<byte> whole, long rows) = (_buffer.AsMemory(0, end), records - header);
                    _writing = Task.Run(() => file.WriteAsync(escape?.Apply(whole) ?? whole, rows, stop), stop);
                    header = 0;
                }
                else if (!ended)
                {
                    // One record fills it.
                    Array.Resize(ref _buffer, _buffer.Length * 2);
                    continue;
                }
                // While these records are written, the next are read into the other buffer.
                if (_spare.Length < _buffer.Length) _spare = new byte[_buffer.Length];
                _buffer.AsSpan(end, filled - end).CopyTo(_spare);
                (_buffer, _spare, filled) = (_spare, _buffer, filled - end);
            }
            await _writing;
        }
        catch
        {
            await ServerCancellation.EndAsync(connection, node, session, copy);
            await EndWritingAsync();
            throw;
        }
        await copy.DisposeAsync();
    }

    private async ValueTask<(int Filled, bool Ended)> FillAsync(NpgsqlRawCopyStream copy, int filled, CancellationToken stop)
    {
        while (filled < _buffer.Length - Slack || filled < _buffer.Length / 2)
        {
            int count = await copy.ReadAsync(_buffer.AsMemory(filled), stop);
            if (count == 0) return (filled, true);
            filled += count;
        }
        return (filled, false);
    }

    /// <summary>Where the last whole record ends, and how many there are.</summary>
    private (int End, int Records) Cut(int filled)
    {
        int words = (filled + CsvScanner.WordBytes - 1) / CsvScanner.WordBytes;
        if (_lineEnds.Length < words) (_lineEnds, _delimiters) = (new ulong[words], new ulong[words]);
        Span<ulong> ends = _lineEnds.AsSpan(0, words);
        _scanner.Scan(_buffer.AsSpan(0, filled), (byte)'\n', ends, _delimiters);
        return (BitMask.Last(ends) + 1, BitMask.Count(ends));
    }

    /// <summary>Waits for what is being written, after a failure.</summary>
    private async Task EndWritingAsync()
    {
        try
        {
            await _writing;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // That is what ended the export, or Ctrl+C.
        }
    }
}
