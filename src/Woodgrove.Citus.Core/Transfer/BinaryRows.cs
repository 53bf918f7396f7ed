using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Npgsql;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// The rows that a binary COPY gives, in blocks of whole rows. Rows are told apart by the lengths of their fields; no value
/// is read but, where rows are split, that of the distribution column.
/// </summary>
internal sealed class BinaryRows(NpgsqlRawCopyStream copy) : RowBlocks(copy)
{
    private const int Signature = 11, Flags = 4;

    private bool _isOpen, _isOver;

    /// <summary>Appends rows to the buffers of their shards until one is full.</summary>
    /// <param name="from">The first row's offset in the block; afterwards that of the row that was not appended.</param>
    /// <param name="buffers">By shard; null of one that has no rows of this part.</param>
    /// <param name="full">The shard whose buffer was full.</param>
    /// <returns>False where the block has no more rows.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Split(BinaryRouter router, ref int from, ReadOnlySpan<ShardBuffer?> buffers, out int full)
    {
        ReadOnlySpan<byte> block = Block.Span;
        for (full = -1; from < block.Length;)
        {
            ReadOnlySpan<byte> row = block[from..], key = default;
            int end = 2, fields = BinaryPrimitives.ReadInt16BigEndian(row);
            for (int field = 0; field < fields; field++)
            {
                int length = Math.Max(-1, BinaryPrimitives.ReadInt32BigEndian(row[end..]));
                end += 4;
                if (field == router.Column) key = length < 0 ? throw CopyErrors.NullKey(router.Table) : row.Slice(end, length);
                end += Math.Max(0, length);
            }
            int shard = router.Find(key);
            ShardBuffer buffer = buffers[shard] ?? throw CopyErrors.RowMisplaced(router.Table);
            if (!buffer.TryAppend(row[..end]))
            {
                full = shard;
                return true;
            }
            from += end;
        }
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override (Range Block, int Count) Cut(ReadOnlySpan<byte> bytes, bool isAll)
    {
        if (_isOver) return (bytes.Length..bytes.Length, 0);
        int start = 0, count = 0;
        if (!_isOpen)
        {
            if (bytes.Length < Signature + Flags + 4) throw CopyErrors.StreamCut();
            start = Signature + Flags + 4 + BinaryPrimitives.ReadInt32BigEndian(bytes[(Signature + Flags)..]);
        }
        int end = start;
        for (int next; (next = RowEnd(bytes, end)) > 0; end = next) count++;
        if (isAll && !_isOver) throw CopyErrors.StreamCut();
        if (count > 0) _isOpen = true; // else it is all given again
        return (start..end, count);
    }

    /// <summary>Where the row ends that begins at an offset; 0 where it is not all there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int RowEnd(ReadOnlySpan<byte> bytes, int at)
    {
        if (at + 2 > bytes.Length) return 0;
        int fields = BinaryPrimitives.ReadInt16BigEndian(bytes[at..]);
        if (fields < 0) _isOver = true;
        at += 2;
        for (; fields > 0; fields--)
        {
            if (at + 4 > bytes.Length) return 0;
            at += 4 + Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(bytes[at..]));
            if (at > bytes.Length || at < 0) return 0;
        }
        return _isOver ? 0 : at;
    }
}
