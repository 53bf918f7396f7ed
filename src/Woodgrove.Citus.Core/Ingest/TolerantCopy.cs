using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>Where a record ends among the bytes of some, and on which line of the file.</summary>
internal readonly record struct RecordMark(int End, long Line);

/// <summary>
/// Copies records a portion at a time, each behind a savepoint. When the server refuses a portion, the record
/// that its error names is set aside and the records before and after it go in; where the error names none,
/// halves are tried.
/// </summary>
/// <param name="shard">The shard that the session copies into, or null for a whole table.</param>
/// <param name="rehearsal">
/// A COPY into a table with the same constraints, to be tried before the real one: on the coordinator, where a
/// worker's refusal would end the whole transaction. Null where the real one can be undone.
/// </param>
internal sealed partial class TolerantCopy(NpgsqlConnection session, string copyCommand, Rejects rejects, Shards.ShardRange? shard, string? rehearsal = null)
{
    private const string Savepoint = "woodgrove_portion";
    private bool _hasSavepoint;

    /// <param name="bytes">Whole records.</param>
    /// <param name="marks">Their ends and lines.</param>
    public async Task LoadAsync(ReadOnlyMemory<byte> bytes, ReadOnlyMemory<RecordMark> marks, CancellationToken stop)
    {
        int start = 0; // of the bytes that are not in yet
        while (!marks.IsEmpty)
        {
            if (await TryCopyAsync(bytes[start..marks.Span[^1].End], stop) is not { } refusal) return;
            int bad = RecordOfLine(bytes.Span, start, marks.Span, refusal);
            if (marks.Length == 1)
            {
                rejects.Add(bytes[start..marks.Span[0].End], marks.Span[0].Line, refusal, shard);
                return;
            }
            // Without a line, or with the error at the very end, a half is likelier to go in than the whole.
            int cut = bad < 0 ? marks.Length / 2 : bad;
            if (cut > 0) await LoadFromAsync(bytes, start, marks[..cut], stop);
            start = cut > 0 ? marks.Span[cut - 1].End : start;
            if (bad >= 0)
            {
                rejects.Add(bytes[start..marks.Span[cut].End], marks.Span[cut].Line, refusal, shard);
                start = marks.Span[cut++].End;
            }
            marks = marks[cut..];
        }
    }

    private Task LoadFromAsync(ReadOnlyMemory<byte> bytes, int start, ReadOnlyMemory<RecordMark> marks, CancellationToken stop)
    {
        if (start == 0) return LoadAsync(bytes, marks, stop);
        RecordMark[] moved = marks.ToArray();
        for (int i = 0; i < moved.Length; i++) moved[i] = moved[i] with { End = moved[i].End - start };
        return LoadAsync(bytes[start..], moved, stop);
    }

    private async Task<PostgresException?> TryCopyAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        await using (var savepoint = new NpgsqlCommand(_hasSavepoint ? $"RELEASE SAVEPOINT {Savepoint}; SAVEPOINT {Savepoint}" : $"SAVEPOINT {Savepoint}", session))
            await savepoint.ExecuteNonQueryAsync(stop);
        _hasSavepoint = true;
        try
        {
            await CopyAsync(rehearsal ?? copyCommand, bytes, stop);
        }
        catch (PostgresException refusal) when (Rejects.IsAboutRow(refusal) && !stop.IsCancellationRequested)
        {
            await using var rollback = new NpgsqlCommand($"ROLLBACK TO SAVEPOINT {Savepoint}", session);
            await rollback.ExecuteNonQueryAsync(stop);
            return refusal;
        }
        if (rehearsal is not null) await CopyAsync(copyCommand, bytes, stop);
        return null;
    }

    private async Task CopyAsync(string command, ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        var copy = new CopyStream(session, command);
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
        if (refusal.Where is not { } where || LinePattern().Match(where) is not { Success: true } match) return -1;
        long line = long.Parse(match.Groups["line"].Value, CultureInfo.InvariantCulture);
        long seen = 0;
        for (int i = 0; i < marks.Length; i++)
        {
            ReadOnlySpan<byte> record = bytes[start..marks[i].End];
            seen += Math.Max(1, record.Count(record.EndsWith("\r"u8) ? (byte)'\r' : (byte)'\n') + (record[^1] is (byte)'\n' or (byte)'\r' ? 0 : 1));
            if (seen >= line) return i;
            start = marks[i].End;
        }
        return -1;
    }

    [GeneratedRegex(@"^COPY .+, \p{L}+ (?<line>\d+)(?=[,:\n]|$)", RegexOptions.Multiline)]
    private static partial Regex LinePattern();
}
