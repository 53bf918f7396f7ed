using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Separates doubtful records from those that a server is unlikely to refuse, by the number of fields and the form of
/// the values. It rejects nothing: it keeps a bad record from causing the refusal of a portion of good ones.
/// </summary>
internal sealed class DoubtfulRecords(CopyTarget target)
{
    private readonly CsvScanner _scanner = CsvScanner.Create(target.Dialect);
    private readonly CsvFields _fields = new(target.Dialect);
    private readonly PlainInput?[] _inputs = [.. target.Columns.Select(c => new PlainInput(c)).Select(p => p.IsKnown ? p : null)];
    private readonly bool[] _mayBeNull = [.. target.Columns.Select(c => !c.IsNotNull && c.Name != target.Table.DistributionColumn)];
    private ulong[] _lineEnds = [], _delimiters = [];

    public (RecordBatch Plain, RecordBatch Doubtful) Part(ReadOnlySpan<byte> bytes, ReadOnlySpan<RecordBounds> bounds)
    {
        (RecordBatch plain, RecordBatch doubtful) = (new(bytes.Length), new());
        int words = (bytes.Length + CsvScanner.WordBytes - 1) / CsvScanner.WordBytes;
        if (_delimiters.Length < words) (_lineEnds, _delimiters) = (new ulong[words], new ulong[words]);
        byte lineEnd = bytes[bounds[0].End - 1] == '\r' ? (byte)'\r' : (byte)'\n';
        _scanner.Scan(bytes, lineEnd, _lineEnds.AsSpan(0, words), _delimiters.AsSpan(0, words));
        int start = 0;
        foreach (RecordBounds bound in bounds)
        {
            (IsPlain(bytes, start, bound.End) ? plain : doubtful).Add(bytes[start..bound.End], bound.Line);
            start = bound.End;
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
