using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Woodgrove.Citus.Values;

/// <summary>
/// PostgreSQL's hash functions as Citus uses them: 32 bits, seedless, the same on every platform and version.
/// The core is Bob Jenkins's lookup3 with PostgreSQL's starting value.
/// </summary>
public static class PostgresHash
{
    private const uint Start = 0x9e3779b9 + 3923095;

    /// <summary>Of bytes: <c>hash_any</c>, for text, uuid and bytea.</summary>
    public static int Bytes(ReadOnlySpan<byte> key)
    {
        uint a, b, c;
        a = b = c = Start + (uint)key.Length;
        while (key.Length >= 12)
        {
            a += BinaryPrimitives.ReadUInt32LittleEndian(key);
            b += BinaryPrimitives.ReadUInt32LittleEndian(key[4..]);
            c += BinaryPrimitives.ReadUInt32LittleEndian(key[8..]);
            Mix(ref a, ref b, ref c);
            key = key[12..];
        }
        // The last, incomplete round leaves the lowest byte of c alone: the length is there.
        for (int i = 0; i < key.Length; i++)
        {
            uint octet = key[i];
            if (i < 4) a += octet << (8 * i);
            else if (i < 8) b += octet << (8 * (i - 4));
            else c += octet << (8 * (i - 7));
        }
        return Finish(a, b, c);
    }

    /// <summary>Of smallint, integer, date (days since 2000-01-01) and boolean (0 or 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Int32(int key) => Finish(Start + 4 + (uint)key, Start + 4, Start + 4);

    /// <summary>Of bigint, timestamp and timestamptz (microseconds since 2000-01-01); an integer of any width hashes alike.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Int64(long key)
    {
        uint low = (uint)key, high = (uint)(key >> 32);
        return Int32((int)(low ^ (key >= 0 ? high : ~high)));
    }

    /// <summary>Of real and double precision.</summary>
    public static int Double(double key)
    {
        if (key == 0) return 0; // minus zero is equal to zero
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, double.IsNaN(key) ? 0x7FF8000000000000 : BitConverter.DoubleToInt64Bits(key));
        return Bytes(bytes);
    }

    /// <summary>Of numeric, from its base-10000 digits without leading or trailing zero digits.</summary>
    /// <param name="digits">The digits, most significant first.</param>
    /// <param name="weight">The power of 10000 of the first digit.</param>
    public static int Numeric(ReadOnlySpan<short> digits, int weight)
    {
        if (digits.IsEmpty) return -1;
        byte[] bytes = new byte[digits.Length * 2];
        for (int i = 0; i < digits.Length; i++) BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(i * 2), digits[i]);
        return Bytes(bytes) ^ weight;
    }

    private static void Mix(ref uint a, ref uint b, ref uint c)
    {
        a -= c; a ^= BitOperations.RotateLeft(c, 4); c += b;
        b -= a; b ^= BitOperations.RotateLeft(a, 6); a += c;
        c -= b; c ^= BitOperations.RotateLeft(b, 8); b += a;
        a -= c; a ^= BitOperations.RotateLeft(c, 16); c += b;
        b -= a; b ^= BitOperations.RotateLeft(a, 19); a += c;
        c -= b; c ^= BitOperations.RotateLeft(b, 4); b += a;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Finish(uint a, uint b, uint c)
    {
        c ^= b; c -= BitOperations.RotateLeft(b, 14);
        a ^= c; a -= BitOperations.RotateLeft(c, 11);
        b ^= a; b -= BitOperations.RotateLeft(a, 25);
        c ^= b; c -= BitOperations.RotateLeft(b, 16);
        a ^= c; a -= BitOperations.RotateLeft(c, 4);
        b ^= a; b -= BitOperations.RotateLeft(a, 14);
        c ^= b; c -= BitOperations.RotateLeft(b, 24);
        return (int)c;
    }
}
