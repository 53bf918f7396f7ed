using System.Runtime.CompilerServices;
using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>Whole records of one shard, gathered until they are worth sending; the next gather while these are sent.</summary>
/// <param name="keepsLines">Keeps each record's end and line, where refused records are to be rejected.</param>
internal sealed class ShardBuffer(bool keepsLines = false)
{
    // So that the two of each of 32 shards stay in a core's cache while records are copied into them.
    private const int Size = 32 * 1024;
    private byte[] _bytes = new byte[Size], _spare = new byte[Size];
    private readonly List<RecordBounds> _bounds = [];
    private int _used;

    /// <summary>True once a record has been appended, sent or not.</summary>
    public bool HasRows { get; private set; }

    /// <param name="line">The record's line in the file; only read where lines are kept.</param>
    /// <returns>False where the records before it must be sent first.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAppend(ReadOnlySpan<byte> record, long line = 0)
    {
        if (record.Length > _bytes.Length - _used)
        {
            if (_used > 0) return false;
            _bytes = new byte[record.Length];
        }
        record.CopyTo(_bytes.AsSpan(_used));
        _used += record.Length;
        if (keepsLines) _bounds.Add(new RecordBounds(_used, line));
        HasRows = true;
        return true;
    }

    /// <summary>Hands over what was gathered; it stays as it is until the next call.</summary>
    public (ReadOnlyMemory<byte> Records, ReadOnlyMemory<RecordBounds> Bounds) Take()
    {
        var taken = (new ReadOnlyMemory<byte>(_bytes, 0, _used), new ReadOnlyMemory<RecordBounds>(keepsLines ? _bounds.ToArray() : []));
        (_bytes, _spare, _used) = (_spare, _bytes, 0);
        _bounds.Clear();
        return taken;
    }
}
