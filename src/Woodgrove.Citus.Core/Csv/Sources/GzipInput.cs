using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>
/// The compressed bytes, given to a decompressor piece by piece; the last piece is kept, so that what the decompressor
/// left of it can be read again.
/// </summary>
internal sealed class GzipInput(Stream raw) : ReadOnlyStream
{
    private byte[] _buffer = new byte[128 * 1024];
    private int _piece;  // where the last piece begins
    private int _next;   // what has not been given yet
    private int _filled;
    private long _before; // bytes before the buffer
    private bool _ended;

    /// <summary>The place of the next byte in the compressed data.</summary>
    public long Offset => _before + _next;

    /// <summary>True once somebody has asked for more than there is.</summary>
    public bool IsExhausted { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // Whoever asks for more has consumed the piece before.
        _piece = _next;
        int count = Math.Min(buffer.Length, await AvailableAsync(1, cancellationToken));
        _buffer.AsMemory(_next, count).CopyTo(buffer);
        _next += count;
        IsExhausted = count == 0 && buffer.Length > 0;
        return count;
    }

    /// <summary>Makes so many bytes available, fewer only at the end of the data.</summary>
    /// <returns>How many there are.</returns>
    public async ValueTask<int> AvailableAsync(int count, CancellationToken stop)
    {
        while (_filled - _next < count && !_ended)
        {
            if (_filled == _buffer.Length) MakeRoom();
            int read = await raw.ReadAsync(_buffer.AsMemory(_filled), stop);
            _filled += read;
            _ended = read == 0;
        }
        return _filled - _next;
    }

    /// <summary>The next bytes that have been made available.</summary>
    public byte Peek(int at) => _buffer[_next + at];

    public ReadOnlySpan<byte> Peek(int at, int count) => _buffer.AsSpan(_next + at, count);

    public void Skip(int count) => _piece = _next += count;

    /// <summary>The last piece, and up to so many bytes after it.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> LastPieceAsync(int more, CancellationToken stop)
    {
        more = Math.Min(more, await AvailableAsync(more, stop));
        return _buffer.AsMemory(_piece, _next - _piece + more);
    }

    /// <summary>Goes to a place in what <see cref="LastPieceAsync"/> gave.</summary>
    public void MoveTo(int at) => _piece = _next = _piece + at;

    private void MakeRoom()
    {
        if (_piece == 0)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
            return;
        }
        _buffer.AsSpan(_piece, _filled - _piece).CopyTo(_buffer);
        (_before, _next, _filled, _piece) = (_before + _piece, _next - _piece, _filled - _piece, 0);
    }
}
