using System.IO.Hashing;

namespace Woodgrove.Citus.Csv.Sources;

/// <summary>The header of a gzip member (RFC 1952).</summary>
internal static class GzipHeader
{
    private const int FixedSize = 10;
    private const int LargestText = 64 * 1024; // of a file name or comment
    private const byte HasCrc = 2, HasExtra = 4, HasName = 8, HasComment = 16, Reserved = 0xE0;

    /// <exception cref="DamagedDataException">It is none, or is cut off.</exception>
    public static async ValueTask SkipAsync(GzipInput input, CancellationToken stop)
    {
        await NeedAsync(input, FixedSize, stop);
        if (input.Peek(0) != 0x1F || input.Peek(1) != 0x8B || input.Peek(2) != 8) throw Invalid(input);
        byte flags = input.Peek(3);
        if ((flags & Reserved) != 0) throw Invalid(input);
        int size = FixedSize;
        if ((flags & HasExtra) != 0)
        {
            await NeedAsync(input, size + 2, stop);
            size += 2 + input.Peek(size) + (input.Peek(size + 1) << 8);
        }
        if ((flags & HasName) != 0) size = await TextEndAsync(input, size, stop);
        if ((flags & HasComment) != 0) size = await TextEndAsync(input, size, stop);
        if ((flags & HasCrc) != 0)
        {
            await NeedAsync(input, size + 2, stop);
            ushort crc = (ushort)Crc32.HashToUInt32(input.Peek(0, size));
            if (input.Peek(size) + (input.Peek(size + 1) << 8) != crc) throw Invalid(input);
            size += 2;
        }
        await NeedAsync(input, size, stop);
        input.Skip(size);
    }

    private static async ValueTask<int> TextEndAsync(GzipInput input, int at, CancellationToken stop)
    {
        for (int end = at; end - at < LargestText; end++)
        {
            await NeedAsync(input, end + 1, stop);
            if (input.Peek(end) == 0) return end + 1;
        }
        throw Invalid(input);
    }

    private static async ValueTask NeedAsync(GzipInput input, int size, CancellationToken stop)
    {
        if (await input.AvailableAsync(size, stop) < size)
            throw new DamagedDataException(input.Offset, "the data ends in a gzip header, so the file is cut off");
    }

    private static DamagedDataException Invalid(GzipInput input) => new(input.Offset, "there is no valid gzip header");
}
