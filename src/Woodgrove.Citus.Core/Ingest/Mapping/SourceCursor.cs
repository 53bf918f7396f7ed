using System.IO.Hashing;
using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>
/// Reads a source in blocks of whole records, and can skip to a position where a batch ended. The same source is cut into the
/// same blocks each time, so a batch ends where a block does, or before the line that ends the data.
/// </summary>
/// <remarks>Who opens it disposes it. Each reader has a cursor of its own.</remarks>
internal sealed class SourceCursor(CsvFile file, CsvInput input) : IAsyncDisposable
{
    /// <summary>How the hash of a CSV's bytes begins.</summary>
    public const string FingerprintPrefix = "xxh3:";

    private readonly XxHash3 _hash = new();
    private CsvInput _input = input;
    private CsvRecordReader _block = new(input, file.Dialect);
    private int _count;  // of the block's records that are data or header
    private bool _ended;

    public CsvFile File => file;

    public CsvInput Input => _input;

    /// <summary>The block that was read last.</summary>
    public CsvRecordReader Block => _block;

    /// <summary>Where the block's first row begins: after the header, if it is in this block.</summary>
    public int From { get; private set; }

    /// <summary>Where the block's rows end: at its end, or before the line that ends the data.</summary>
    public int To { get; private set; }

    /// <summary>How many rows the block has.</summary>
    public int RowCount => _count - (From > 0 ? 1 : 0);

    /// <summary>The position of <see cref="To"/> in the source, in UTF-8 bytes without a byte order mark.</summary>
    public long End => _block.BytesBefore + To;

    /// <summary>True where a line <c>\.</c> has ended the data.</summary>
    public bool IsCutOff => _ended && To < _block.Block.Length;

    /// <summary>A hash of all bytes from the source's beginning to <see cref="End"/>.</summary>
    public string Fingerprint => FingerprintOf(_hash);

    public static string FingerprintOf(XxHash3 hash) => $"{FingerprintPrefix}{hash.GetCurrentHashAsUInt64():x16}";

    /// <summary>Reads the next block.</summary>
    /// <returns>False at the end of the data.</returns>
    public async ValueTask<bool> ReadAsync(CancellationToken stop)
    {
        if (_ended) return false;
        if (!await _block.ReadAsync(stop))
        {
            (From, To, _count) = (0, 0, 0);
            return false;
        }
        From = file.Dialect.HasHeader && _block.BytesBefore == 0 ? _block.EndAfter(0) : 0;
        (_count, To) = file.DotEndsData ? EndOfData.Find(_block) : (_block.Count, _block.Block.Length);
        _ended = _count < _block.Count;
        _hash.Append(_block.Block.Span[..To]);
        return true;
    }

    /// <summary>Reads the next block that does not begin before a position.</summary>
    /// <returns>False at the end of the data.</returns>
    public async ValueTask<bool> ReadFromAsync(long position, CancellationToken stop)
    {
        while (await ReadAsync(stop))
        {
            if (_block.BytesBefore >= position) return true;
        }
        return false;
    }

    /// <summary>Skips to a position where a batch ended.</summary>
    /// <param name="fingerprint">A hash of the source's bytes up to it.</param>
    /// <returns>False where the source has other bytes than that.</returns>
    public async Task<bool> SkipToAsync(long position, string fingerprint, CancellationToken stop)
    {
        if (position == 0) return true;
        while (End < position && await ReadAsync(stop))
        {
        }
        return End == position && Fingerprint == fingerprint;
    }

    /// <summary>Opens the source again, at its beginning.</summary>
    public async Task RewindAsync(CancellationToken stop)
    {
        await _input.DisposeAsync();
        _input = await CsvInput.OpenAsync(file.Source, file.Dialect, stop);
        _block = new CsvRecordReader(_input, file.Dialect);
        _hash.Reset();
        (From, To, _count, _ended) = (0, 0, 0, false);
    }

    /// <summary>The rows of the block as they are sent, between two offsets.</summary>
    /// <param name="refused">Receives the records that no server would take, or that can't be converted; null ignores them.</param>
    public (RecordBlock Rows, int From, int To) Rows(Action<UnconvertedRecord>? refused = null)
    {
        Action<UnconvertedRecord> tell = refused ?? (_ => { });
        (RecordBlock rows, int from, int to) = (_block, From, To);
        if (RecordFault.IsIn(_block, from, to) && RecordFault.Filter(_block, from, to, file.Source, file.Dialect, tell) is { } others)
            (rows, from, to) = (others, 0, others.Block.Length);
        if (file.Converter is null) return (rows, from, to);
        RecordBlock converted = file.Converter.Convert(rows, from, to, tell);
        return (converted, 0, converted.Block.Length);
    }

    public ValueTask DisposeAsync() => _input.DisposeAsync();
}
