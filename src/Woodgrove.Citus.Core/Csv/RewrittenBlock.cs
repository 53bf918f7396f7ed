namespace Woodgrove.Citus.Csv;

/// <summary>Records that were rewritten, or of which some were left out, with their lines in the source.</summary>
internal sealed class RewrittenBlock : RecordBlock
{
    private readonly IReadOnlyList<RecordBounds> _records;
    private readonly Func<int, int, string?>? _source;
    private readonly ulong[] _lineEnds;
    private readonly ulong[] _delimiters;

    /// <param name="source">The text that a record, by its number, has for a column in the source; null where it stands here as it does
    /// there.</param>
    public RewrittenBlock(
        ReadOnlyMemory<byte> bytes, IReadOnlyList<RecordBounds> records, CsvDialect dialect, byte lineEnd,
        Func<int, int, string?>? source = null)
    {
        (Block, _records, _source) = (bytes, records, source);
        int words = bytes.Length / CsvScanner.WordBytes + 1;
        (_lineEnds, _delimiters) = (new ulong[words], new ulong[words]);
        CsvScanner.Create(dialect).Scan(bytes.Span, lineEnd, _lineEnds, _delimiters);
    }

    public override ReadOnlyMemory<byte> Block { get; }
    public override ReadOnlySpan<ulong> LineEnds => _lineEnds;
    public override ReadOnlySpan<ulong> Delimiters => _delimiters;

    public override long LineAt(int end) => _records[IndexOf(end)].Line;

    public override string? SourceText(int end, int column) => _source?.Invoke(IndexOf(end), column);

    public override void BoundsOf(int from, int to, List<RecordBounds> bounds)
    {
        bounds.Clear();
        bounds.AddRange(_records.Where(r => r.End > from && r.End <= to));
    }

    /// <summary>The record whose last byte is before an offset.</summary>
    private int IndexOf(int end)
    {
        (int low, int high) = (0, _records.Count - 1);
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_records[middle].End < end) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
