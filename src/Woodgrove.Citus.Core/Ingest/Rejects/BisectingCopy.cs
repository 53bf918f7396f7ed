using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Copies records a portion at a time. When the server refuses a portion, the record that its error names is set
/// aside and the records before and after it go in; where the error names none, halves are tried. Once a record has
/// been refused, doubtful ones go in portions of their own.
/// </summary>
/// <param name="shard">The shard that is copied into, or null for a whole table.</param>
internal sealed class BisectingCopy(CopyAttempt tryCopy, RejectList rejects, ShardRange? shard)
{
    private readonly PortionSize _plain = new(Smallest: 8 * 1024), _doubtful = new(Smallest: 1);
    private DoubtfulRecords? _sieve;

    /// <param name="bytes">Whole records.</param>
    /// <param name="marks">Their ends and lines.</param>
    public async Task LoadAsync(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<RecordBounds> marks, CancellationToken stop)
    {
        if (marks.IsEmpty) return;
        if (_sieve is null)
        {
            await LoadAsync(bytes, 0, marks, _plain, stop);
            return;
        }
        (RecordBatch plain, RecordBatch doubtful) = _sieve.Part(bytes.Span, marks.Span);
        await LoadAsync(plain.Bytes, 0, plain.Marks, _plain, stop);
        await LoadAsync(doubtful.Bytes, 0, doubtful.Marks, _doubtful, stop);
    }

    private async Task LoadAsync(ReadOnlyMemory<byte> bytes, int start, ReadOnlyMemory<RecordBounds> marks, PortionSize portion,
        CancellationToken stop)
    {
        while (!marks.IsEmpty)
        {
            int count = CountWithin(marks.Span, start + portion.Bytes);
            int end = marks.Span[count - 1].End;
            if (await tryCopy(bytes, start, marks[..count], stop) is not { } refusal)
            {
                portion.Grow(end - start);
                (start, marks) = (end, marks[count..]);
                continue;
            }
            _sieve ??= new DoubtfulRecords(rejects.Target);
            int bad = count == 1 ? 0 : RecordOfLine(bytes.Span, start, marks.Span[..count], refusal);
            if (bad < 0)
            {
                portion.Halve(end - start);
                continue;
            }
            portion.Shrink();
            if (bad > 0) await LoadAsync(bytes, start, marks[..bad], portion, stop);
            start = bad > 0 ? marks.Span[bad - 1].End : start;
            rejects.Add(bytes[start..marks.Span[bad].End], marks.Span[bad].Line, refusal, shard);
            (start, marks) = (marks.Span[bad].End, marks[(bad + 1)..]);
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
    private static int CountWithin(ReadOnlySpan<RecordBounds> marks, int end)
    {
        int count = 1;
        while (count < marks.Length && marks[count].End <= end) count++;
        return count;
    }

    /// <summary>The record that the error's "COPY t, line N" points at, or -1.</summary>
    private static int RecordOfLine(ReadOnlySpan<byte> bytes, int start, ReadOnlySpan<RecordBounds> marks, PostgresException refusal)
    {
        if (RefusedRowFinder.Context(refusal) is not { } where) return -1;
        var lines = new ServerLines();
        long seen = 0;
        for (int i = 0; i < marks.Length; i++)
        {
            seen += lines.Of(bytes[start..marks[i].End]);
            if (seen >= where.Line) return i;
            start = marks[i].End;
        }
        return -1;
    }
}
