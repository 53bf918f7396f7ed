using System.Diagnostics;
using System.Runtime.InteropServices;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rows;

/// <summary>The rows of a transaction, kept until it is committed.</summary>
internal sealed class RowBatch(RowSegment first)
{
    public List<RowSegment> Segments { get; } = [first];

    /// <summary>When its first rows were sent; where much waits, they came long before.</summary>
    public long Since { get; } = Stopwatch.GetTimestamp();

    /// <summary>The number of its first row.</summary>
    public long First { get; } = first.Bounds.Select(m => m.Line).Concat(first.Refused.Select(r => r.Line ?? long.MaxValue)).Min();

    /// <summary>Rows that have no distribution value, and were not sent.</summary>
    public IEnumerable<RefusedRow> NullKeys => Segments.SelectMany(s => s.Refused);

    /// <summary>The others.</summary>
    public int Count => Segments.Sum(s => s.Bounds.Count);

    public RecordBatch Records()
    {
        var records = new RecordBatch(Segments.Sum(s => s.Bytes.WrittenCount) + 1);
        foreach (RowSegment segment in Segments.Where(s => s.Bounds.Count > 0))
            records.AddAll(segment.Bytes.WrittenSpan, 0, CollectionsMarshal.AsSpan(segment.Bounds));
        return records;
    }
}
