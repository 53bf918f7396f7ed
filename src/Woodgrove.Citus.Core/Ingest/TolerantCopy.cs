using Npgsql;

namespace Woodgrove.Citus.Ingest;

/// <summary>Where a record ends among the bytes of some, and on which line of the file.</summary>
internal readonly record struct RecordMark(int End, long Line);

/// <summary>
/// Copies records a portion at a time, each behind a savepoint. When the server refuses a portion, the record
/// that its error names is set aside and the records before and after it go in; where the error names none,
/// halves are tried.
/// </summary>
/// <param name="shard">The shard that the session copies into, or null for a whole table.</param>
internal sealed class TolerantCopy(NpgsqlConnection session, string copyCommand, Rejects rejects, Shards.ShardRange? shard)
{
    private const string Savepoint = "woodgrove_portion";
    private const int SmallestPortion = 8 * 1024;
    private const int LargestPortion = 256 * 1024;
    private int _portion = LargestPortion;
    private bool _hasSavepoint;

    /// <param name="bytes">Whole records.</param>
    /// <param name="marks">Their ends and lines.</param>
    public Task LoadAsync(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<RecordMark> marks, CancellationToken stop) => LoadAsync(bytes, 0, marks, stop);

    private async Task LoadAsync(ReadOnlyMemory<byte> bytes, int start, ReadOnlyMemory<RecordMark> marks, CancellationToken stop)
    {
        while (!marks.IsEmpty)
        {
            int count = CountWithin(marks.Span, start + _portion);
            int end = marks.Span[count - 1].End;
            if (await TryCopyAsync(bytes[start..end], stop) is not { } refusal)
            {
                _portion = Math.Min(_portion * 2, LargestPortion);
                (start, marks) = (end, marks[count..]);
                continue;
            }
            int bad = count == 1 ? 0 : RecordOfLine(bytes.Span, start, marks.Span[..count], refusal);
            // Where one row is bad, more are likely, and a small portion costs less to repeat.
            _portion = bad < 0 ? (end - start) / 2 : Math.Max(_portion / 4, SmallestPortion);
            if (bad < 0) continue;
            if (bad > 0) await LoadAsync(bytes, start, marks[..bad], stop);
            start = bad > 0 ? marks.Span[bad - 1].End : start;
            rejects.Add(bytes[start..marks.Span[bad].End], marks.Span[bad].Line, refusal, shard);
            (start, marks) = (marks.Span[bad].End, marks[(bad + 1)..]);
        }
    }

    /// <summary>How many records end by an offset; at least one.</summary>
    private static int CountWithin(ReadOnlySpan<RecordMark> marks, int end)
    {
        int count = 1;
        while (count < marks.Length && marks[count].End <= end) count++;
        return count;
    }

    private async Task<PostgresException?> TryCopyAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        await using (var savepoint = new NpgsqlCommand(_hasSavepoint ? $"RELEASE SAVEPOINT {Savepoint}; SAVEPOINT {Savepoint}" : $"SAVEPOINT {Savepoint}", session))
            await savepoint.ExecuteNonQueryAsync(stop);
        _hasSavepoint = true;
        try
        {
            await CopyAsync(bytes, stop);
        }
        catch (PostgresException refusal) when (Rejects.IsAboutRow(refusal) && !stop.IsCancellationRequested)
        {
            await using var rollback = new NpgsqlCommand($"ROLLBACK TO SAVEPOINT {Savepoint}", session);
            await rollback.ExecuteNonQueryAsync(stop);
            return refusal;
        }
        return null;
    }

    private async Task CopyAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        var copy = new CopyStream(session, copyCommand);
        try
        {
            await copy.OpenAsync(stop);
            await copy.WriteAsync(bytes, stop);
            await copy.FinishAsync();
        }
        catch
        {
            await copy.CancelAsync();
            throw;
        }
    }

    /// <summary>The record that the error's "COPY t, line N" points at, or -1.</summary>
    private static int RecordOfLine(ReadOnlySpan<byte> bytes, int start, ReadOnlySpan<RecordMark> marks, PostgresException refusal)
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
