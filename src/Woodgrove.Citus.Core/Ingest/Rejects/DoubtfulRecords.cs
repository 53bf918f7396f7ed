using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Parts the records that a server will hardly refuse from the doubtful ones, by the number of their fields and the
/// look of their values. It decides nothing: it only keeps a bad record from spoiling a portion of good ones.
/// </summary>
internal sealed class DoubtfulRecords(CopyTarget target)
{
    private readonly CsvScanner _scanner = CsvScanner.Create(target.Dialect);
    private readonly CsvFields _fields = new(target.Dialect);
    private readonly PlainInput?[] _inputs = [.. target.Columns.Select(c => new PlainInput(c)).Select(p => p.IsKnown ? p : null)];
    private readonly bool[] _mayBeNull = [.. target.Columns.Select(c => !c.IsNotNull && c.Name != target.Table.DistributionColumn)];
    private ulong[] _lineEnds = [], _delimiters = [];

    public (RecordBatch Plain, RecordBatch Doubtful) Part(ReadOnlySpan<byte> bytes, ReadOnlySpan<RecordBounds> marks)
    {
        (RecordBatch plain, RecordBatch doubtful) = (new(bytes.Length), new());
        int words = (bytes.Length + CsvScanner.WordBytes - 1) / CsvScanner.WordBytes;
        if (_delimiters.Length < words) (_lineEnds, _delimiters) = (new ulong[words], new ulong[words]);
        byte lineEnd = bytes[marks[0].End - 1] == '\r' ? (byte)'\r' : (byte)'\n';
        _scanner.Scan(bytes, lineEnd, _lineEnds.AsSpan(0, words), _delimiters.AsSpan(0, words));
        int start = 0;
        foreach (RecordBounds mark in marks)
        {
            (IsPlain(bytes, start, mark.End) ? plain : doubtful).Add(bytes[start..mark.End], mark.Line);
            start = mark.End;
        }
        return (plain, doubtful);
    }

    private bool IsPlain(ReadOnlySpan<byte> bytes, int start, int end)
    {
        int count = 0;
        for (; _fields.TryNext(bytes, _delimiters, ref start, end, out ReadOnlySpan<byte> text, out bool isNull); count++)
        {
            if (count == _inputs.Length) return false;
            if (isNull ? !_mayBeNull[count] : _inputs[count] is { } input && !input.SeemsToTake(text)) return false;
        }
        return count == _inputs.Length;
    }
}
