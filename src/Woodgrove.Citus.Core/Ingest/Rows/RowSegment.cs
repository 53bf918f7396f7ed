using System.Buffers;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Rows;

/// <summary>Some rows of a batch.</summary>
internal sealed class RowSegment(bool inBinary)
{
    private const int Size = 256 * 1024; // sent at once

    public ArrayBufferWriter<byte> Bytes { get; } = new(16 * 1024);

    /// <summary>The same in binary, until they are sent; null where a value has no binary form.</summary>
    public ArrayBufferWriter<byte>? Tuples { get; set; } = inBinary ? new(16 * 1024) : null;

    public List<RecordBounds> Bounds { get; } = [];
    public List<RefusedRow> Refused { get; } = [];

    /// <summary>With it the batch is full, or its time is over.</summary>
    public bool EndsBatch { get; set; }
    public bool IsEmpty => Bounds.Count == 0 && Refused.Count == 0;
    public bool IsFull => EndsBatch || Bytes.WrittenCount >= Size;
}
