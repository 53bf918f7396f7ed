using System.Runtime.CompilerServices;

namespace Woodgrove.Citus.Ingest;

/// <summary>Whole records of one shard, gathered until they are worth sending.</summary>
internal sealed class ShardBuffer
{
    private const int Size = 64 * 1024;
    private byte[] _bytes = new byte[Size];
    private int _used;

    /// <summary>True once a record has been appended, sent or not.</summary>
    public bool HasRows { get; private set; }

    /// <summary>The records that have not been sent.</summary>
    public ReadOnlyMemory<byte> Records => _bytes.AsMemory(0, _used);

    /// <returns>False where the records before it must be sent first.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAppend(ReadOnlySpan<byte> record)
    {
        if (record.Length > _bytes.Length - _used)
        {
            if (_used > 0) return false;
            _bytes = new byte[record.Length];
        }
        record.CopyTo(_bytes.AsSpan(_used));
        _used += record.Length;
        HasRows = true;
        return true;
    }

    /// <summary>Forgets the records, which have been sent.</summary>
    public void Clear() => _used = 0;
}
