using System.Buffers;
using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>Records, with their ends and lines.</summary>
/// <param name="capacity">Bytes to make room for.</param>
internal sealed class RecordBatch(int capacity = 256)
{
    private readonly ArrayBufferWriter<byte> _bytes = new(capacity);
    private readonly List<RecordBounds> _bounds = [];
    private RecordBounds[]? _array;

    public ReadOnlyMemory<byte> Bytes => _bytes.WrittenMemory;
    public RecordBounds[] Bounds => _array ??= [.. _bounds];
    public bool IsEmpty => _bounds.Count == 0;

    public void Add(ReadOnlySpan<byte> record, long line)
    {
        _bytes.Write(record);
        _bounds.Add(new RecordBounds(_bytes.WrittenCount, line));
        _array = null;
    }

    /// <summary>Gives the last record a line end, the first one's, if it has none.</summary>
    public void EndLast()
    {
        ReadOnlySpan<byte> bytes = _bytes.WrittenSpan;
        if (bytes[^1] is (byte)'\n' or (byte)'\r') return;
        ReadOnlySpan<byte> first = bytes[.._bounds[0].End];
        first = first[FieldText.TrimLineEnd(first).Length..];
        _bytes.Write(first.IsEmpty ? "\n"u8 : first.ToArray());
        _bounds[^1] = _bounds[^1] with { End = _bytes.WrittenCount };
        _array = null;
    }

    /// <param name="start">Where the first of the records begins in the bytes.</param>
    public void AddAll(ReadOnlySpan<byte> bytes, int start, ReadOnlySpan<RecordBounds> bounds)
    {
        int moved = _bytes.WrittenCount - start;
        _bytes.Write(bytes[start..bounds[^1].End]);
        foreach (RecordBounds bound in bounds) _bounds.Add(bound with { End = bound.End + moved });
        _array = null;
    }
}
