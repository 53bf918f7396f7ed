using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>
/// Decompresses gzip and proves it whole. .NET's GZipStream takes a stream that is cut off for one that has ended, and
/// ignores what follows the last member; here each member must end with the CRC-32 and length of its content, and after
/// the last one only zero bytes may follow, as gzip itself allows them (tapes and block devices pad with them).
/// </summary>
internal sealed class GzipReader(Stream raw) : ReadOnlyStream
{
    private const int TrailerSize = 8;

    private readonly GzipInput _input = new(raw);
    private readonly Crc32 _crc = new();
    private DeflateStream? _member;
    private uint _length; // of the member's content, modulo 2^32, as the trailer has it
    private bool _ended;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!_ended && buffer.Length > 0)
        {
            if (_member is null) await BeginMemberAsync(cancellationToken);
            int count = await InflateAsync(buffer, cancellationToken);
            _crc.Append(buffer.Span[..count]);
            _length += (uint)count;
            if (count > 0) return count;
            await EndMemberAsync(cancellationToken);
        }
        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _member?.Dispose();
            raw.Dispose();
        }
        base.Dispose(disposing);
    }

    private async ValueTask BeginMemberAsync(CancellationToken stop)
    {
        await GzipHeader.SkipAsync(_input, stop);
        _crc.Reset();
        _length = 0;
        _member = new DeflateStream(_input, CompressionMode.Decompress, leaveOpen: true);
    }

    private async ValueTask<int> InflateAsync(Memory<byte> buffer, CancellationToken stop)
    {
        try
        {
            return await _member!.ReadAsync(buffer, stop);
        }
        catch (InvalidDataException e)
        {
            // Newer versions of .NET tell the end of the input so, too.
            throw _input.IsExhausted ? CutOff() : new DamagedDataException(_input.Offset, "the deflated data is invalid", e);
        }
    }

    /// <summary>
    /// Finds the member's trailer. DeflateStream reads in pieces and does not tell where in the last of them its data
    /// ended, but the trailer's content is known: it is looked for in what the last piece left.
    /// </summary>
    private async ValueTask EndMemberAsync(CancellationToken stop)
    {
        await _member!.DisposeAsync();
        _member = null;
        byte[] trailer = new byte[TrailerSize];
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, _crc.GetCurrentHashAsUInt32());
        BinaryPrimitives.WriteUInt32LittleEndian(trailer.AsSpan(4), _length);
        ReadOnlyMemory<byte> rest = await _input.LastPieceAsync(TrailerSize + 2, stop);
        int end = FindEnd(rest.Span, trailer);
        if (end < 0)
        {
            throw _input.IsExhausted ? CutOff() : new DamagedDataException(_input.Offset,
                "the checksum or length that follows the deflated data is not that of its content");
        }
        _input.MoveTo(end);
        _ended = await _input.AvailableAsync(1, stop) == 0 || await IsPaddingAsync(stop);
    }

    /// <summary>Where the trailer ends; of several possible places, the one that a next member or nothing follows.</summary>
    private static int FindEnd(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> trailer)
    {
        int found = -1;
        for (int from = 0, at; (at = bytes[from..].IndexOf(trailer)) >= 0; from += at + 1)
        {
            found = from + at + TrailerSize;
            if (bytes[found..] is [] or [0x1F] or [0x1F, 0x8B, ..]) return found;
        }
        return found;
    }

    private async ValueTask<bool> IsPaddingAsync(CancellationToken stop)
    {
        bool isPadding = false;
        while (await _input.AvailableAsync(1, stop) > 0)
        {
            if (!isPadding && _input.Peek(0) == 0x1F) return false;
            if (_input.Peek(0) != 0)
                throw new DamagedDataException(_input.Offset, "something other than gzip data follows the compressed data");
            isPadding = true;
            _input.Skip(1);
        }
        return true;
    }

    private DamagedDataException CutOff() => new(_input.Offset, "the data ends before the compressed content does, so the file is cut off");
}
