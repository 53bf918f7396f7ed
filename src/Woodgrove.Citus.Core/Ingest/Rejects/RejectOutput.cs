using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Mapping;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Where the rejected records of a load go: those of the open batch are gathered, then written to the file for rejected
/// records before their batch is committed, and the first ones of all are kept as objects.
/// </summary>
/// <param name="list">The rejected records of the open batch.</param>
/// <param name="fields">By column, the field of the source that it comes from.</param>
/// <param name="path">The file for rejected records, or null.</param>
/// <param name="shown">The first rejected records of all attempts.</param>
internal sealed class RejectOutput(CsvFile file, RejectList list, IReadOnlyDictionary<string, int> fields, string? path,
    List<RefusedRow> shown) : IAsyncDisposable
{
    /// <summary>How many rejected records the result carries as objects.</summary>
    private const int MostShown = 100;

    private readonly List<RecordBounds> _bounds = [];
    private RejectFile? _written;
    private SourceCursor? _source; // behind the load's own, for records as they stand in the source

    public RejectList List => list;

    /// <summary>Opens the file for rejected records, once the first block is read.</summary>
    /// <param name="reading">The load's own cursor.</param>
    /// <param name="committed">The rejected records of committed batches; what a run has written beyond them is cut off.</param>
    public async Task OpenAsync(SourceCursor reading, long committed, CancellationToken stop)
    {
        if (path is null || _written is not null) return;
        _written = await RejectFile.OpenAsync(path, await HeaderAsync(reading, stop), committed, file.Dialect, stop);
    }

    /// <summary>Takes the batch's rejected records, as they stand in the source, and writes them to the file.</summary>
    public async Task<IReadOnlyList<RejectedRecord>> TakeAsync(CancellationToken stop)
    {
        IReadOnlyList<RejectedRecord> rejected = list.TakeBatch();
        if (file.Converter is not null && rejected.Count > 0 && (_written is not null || shown.Count < MostShown))
            rejected = await AsInSourceAsync(rejected, stop);
        if (_written is not null) await _written.AppendAsync(rejected, stop);
        return rejected;
    }

    /// <summary>Keeps the first records of a batch that was committed as objects.</summary>
    public void Show(IReadOnlyList<RejectedRecord> committed) => shown.AddRange(committed.Take(MostShown - shown.Count).Select(r => r.Row));

    private static async Task<ReadOnlyMemory<byte>> HeaderAsync(SourceCursor reading, CancellationToken stop)
    {
        if (!reading.File.Dialect.HasHeader) return default;
        if (reading.Block.BytesBefore == 0) return reading.Block.Block[..reading.From];
        await using SourceCursor first = await reading.File.OpenAsync(stop);
        await first.ReadAsync(stop);
        return first.Block.Block[..first.From].ToArray();
    }

    private async Task<IReadOnlyList<RejectedRecord>> AsInSourceAsync(IReadOnlyList<RejectedRecord> rejected, CancellationToken stop)
    {
        var found = new List<RejectedRecord>();
        _source ??= await file.OpenAsync(stop);
        if (rejected[0].Row.Line <= _source.Block.LinesBefore)
        {
            await _source.RewindAsync(stop);
            _bounds.Clear();
        }
        foreach (RejectedRecord record in rejected)
        {
            while (_bounds.Count == 0 || _bounds[^1].Line < record.Row.Line)
            {
                if (!await _source.ReadAsync(stop)) return rejected; // the source is not what it was
                _source.Block.BoundsOf(0, _source.Block.Block.Length, _bounds);
            }
            int at = _bounds.FindIndex(m => m.Line >= record.Row.Line);
            byte[] bytes = _source.Block.Block[(at == 0 ? 0 : _bounds[at - 1].End).._bounds[at].End].ToArray();
            found.Add(new RejectedRecord(bytes, record.Row with { Value = ValueOf(bytes, record.Row) }));
        }
        return found;
    }

    private string? ValueOf(byte[] record, RefusedRow row) =>
        row.Value is null || row.Column is null || !fields.TryGetValue(row.Column, out int field) ? row.Value
        : FieldText.Of(record, field, file.Dialect) ?? row.Value;

    public async ValueTask DisposeAsync()
    {
        if (_written is not null) await _written.DisposeAsync();
        if (_source is not null) await _source.DisposeAsync();
    }
}
