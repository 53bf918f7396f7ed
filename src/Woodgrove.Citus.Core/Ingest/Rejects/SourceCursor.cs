using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Mapping;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>A source read a second time, for its records as they stand in it.</summary>
internal sealed class SourceCursor(CsvFile file) : IAsyncDisposable
{
    private readonly List<RecordBounds> _bounds = [];
    private CsvInput? _input;
    private CsvRecordReader? _records;

    /// <summary>The source's header line; empty where it has none.</summary>
    /// <param name="first">Who reads the source; at its first block, the header is there.</param>
    public static async Task<ReadOnlyMemory<byte>> HeaderAsync(CsvFile file, CsvRecordReader first, CancellationToken stop)
    {
        if (!file.Dialect.HasHeader || first.BytesBefore == 0) return first.Block[..file.FirstRow(first)];
        await using CsvInput input = await file.OpenAsync(stop);
        var reader = new CsvRecordReader(input, file.Dialect);
        await reader.ReadAsync(stop);
        return reader.Block[..file.FirstRow(reader)];
    }

    /// <summary>Rejected records as they stand in the source, each time such as come after those of the time before.</summary>
    public async Task<IReadOnlyList<RejectedRecord>> FindAsync(IReadOnlyList<RejectedRecord> rejected, CancellationToken stop)
    {
        var found = new List<RejectedRecord>();
        _input ??= await file.OpenAsync(stop);
        _records ??= new CsvRecordReader(_input, file.Dialect);
        foreach (RejectedRecord record in rejected)
        {
            while (_bounds.Count == 0 || _bounds[^1].Line < record.Row.Line)
            {
                if (!await _records.ReadAsync(stop)) return found;
                _records.BoundsOf(0, _records.Block.Length, _bounds);
            }
            int at = _bounds.FindIndex(m => m.Line >= record.Row.Line);
            found.Add(record with { Bytes = _records.Block[(at == 0 ? 0 : _bounds[at - 1].End).._bounds[at].End].ToArray() });
        }
        return found;
    }

    /// <summary>A field of a record, as text; null where it has fewer.</summary>
    public static string? FieldOf(byte[] record, int field, CsvDialect dialect)
    {
        using var parser = new CsvHelper.CsvParser(new StringReader(System.Text.Encoding.UTF8.GetString(FieldText.TrimLineEnd(record))),
            dialect.ForCsvHelper());
        return parser.Read() && field < parser.Record!.Length ? parser.Record[field] : null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_input is not null) await _input.DisposeAsync();
    }
}
