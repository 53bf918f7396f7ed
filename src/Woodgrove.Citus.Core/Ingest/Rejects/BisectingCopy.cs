using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Copies records a portion at a time. When the server refuses a portion, the record that its error names is
/// rejected and the records before and after it are loaded; where the error names none, halves are tried. After the first
/// rejected record, doubtful records are sent in portions of their own.
/// </summary>
/// <param name="shard">The shard that is copied into, or null for a whole table.</param>
internal sealed class BisectingCopy(CopyAttempt tryCopy, RejectList rejects, ShardRange? shard) : IRecordCopy
{
    private readonly PortionSize _plain = new(Smallest: 8 * 1024), _doubtful = new(Smallest: 1);
    private DoubtfulRecords? _doubtfulRecords;

    public Task WriteAsync(ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> bounds, CancellationToken stop,
        ReadOnlyMemory<byte> tuples = default) => LoadAsync(records, bounds, stop);

    /// <summary>Nothing is held back.</summary>
    public Task FinishAsync(CancellationToken stop) => Task.CompletedTask;

    public ValueTask DisposeAsync() => default;

    /// <param name="bytes">Whole records.</param>
    /// <param name="bounds">Their ends and lines.</param>
    public async Task LoadAsync(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<RecordBounds> bounds, CancellationToken stop)
    {
        if (bounds.IsEmpty) return;
        if (_doubtfulRecords is null)
        {
            await LoadAsync(bytes, 0, bounds, _plain, stop);
            return;
        }
        (RecordBatch plain, RecordBatch doubtful) = _doubtfulRecords.Part(bytes.Span, bounds.Span);
        await LoadAsync(plain.Bytes, 0, plain.Bounds, _plain, stop);
        await LoadAsync(doubtful.Bytes, 0, doubtful.Bounds, _doubtful, stop);
    }

    private async Task LoadAsync(ReadOnlyMemory<byte> bytes, int start, ReadOnlyMemory<RecordBounds> bounds, PortionSize portion,
        CancellationToken stop)
    {
        while (!bounds.IsEmpty)
        {
            int count = CountWithin(bounds.Span, start + portion.Bytes);
            int end = bounds.Span[count - 1].End;
            if (await tryCopy(bytes, start, bounds[..count], stop) is not { } refusal)
            {
                portion.Grow(end - start);
                (start, bounds) = (end, bounds[count..]);
                continue;
            }
            _doubtfulRecords ??= new DoubtfulRecords(rejects.Target);
            int bad = count == 1 ? 0 : RecordOfLine(bytes.Span, start, bounds.Span[..count], refusal);
            if (bad < 0)
            {
                portion.Halve(end - start);
                continue;
            }
            portion.Shrink();
            if (bad > 0) await LoadAsync(bytes, start, bounds[..bad], portion, stop);
            start = bad > 0 ? bounds.Span[bad - 1].End : start;
            rejects.Add(bytes[start..bounds.Span[bad].End], bounds.Span[bad].Line, refusal, shard);
            (start, bounds) = (bounds.Span[bad].End, bounds[(bad + 1)..]);
        }
    }

    /// <summary>How many bytes to try at once: where one row is bad, more are likely, and a small portion costs less to repeat.</summary>
    private sealed record PortionSize(int Smallest)
    {
        private const int Largest = 256 * 1024;
        public int Bytes { get; private set; } = Smallest == 1 ? 1 : Largest;

        public void Grow(int tried) => Bytes = Math.Min(Math.Max(Bytes, tried) * 2, Largest);
        public void Shrink() => Bytes = Math.Max(Bytes / 4, Smallest);
        public void Halve(int tried) => Bytes = tried / 2;
    }

    /// <summary>How many records end by an offset; at least one.</summary>
    private static int CountWithin(ReadOnlySpan<RecordBounds> bounds, int end)
    {
        int count = 1;
        while (count < bounds.Length && bounds[count].End <= end) count++;
        return count;
    }

    /// <summary>The record that the error's "COPY t, line N" points at, or -1.</summary>
    private static int RecordOfLine(ReadOnlySpan<byte> bytes, int start, ReadOnlySpan<RecordBounds> bounds, PostgresException refusal)
    {
        if (PostgresErrors.CopyContext(refusal) is not { } where) return -1;
        var lines = new ServerLines();
        long seen = 0;
        for (int i = 0; i < bounds.Length; i++)
        {
            seen += lines.Of(bytes[start..bounds[i].End]);
            if (seen >= where.Line) return i;
            start = bounds[i].End;
        }
        return -1;
    }
}
