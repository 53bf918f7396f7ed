using System.Numerics;
using System.Runtime.CompilerServices;

namespace Woodgrove.Citus.Csv;

/// <summary>Reads masks of one bit a byte.</summary>
internal static class BitMask
{
    /// <summary>The 64 bits from a position on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Window(ReadOnlySpan<ulong> mask, int from)
    {
        int w = (int)((uint)from / CsvScanner.WordBytes);
        ulong low = mask[w] >> from;
        // In two shifts, because a shift by 64 would be one by 0.
        return w + 1 < mask.Length ? low | (mask[w + 1] << 1 << ~from) : low;
    }

    /// <summary>The first set bit at or after a position, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next(ReadOnlySpan<ulong> mask, int from)
    {
        int w = (int)((uint)from / CsvScanner.WordBytes);
        if (w >= mask.Length) return -1;
        ulong word = mask[w] & (ulong.MaxValue << from);
        while (word == 0)
        {
            if (++w >= mask.Length) return -1;
            word = mask[w];
        }
        return w * CsvScanner.WordBytes + BitOperations.TrailingZeroCount(word);
    }

    /// <summary>The last set bit, or -1.</summary>
    public static int Last(ReadOnlySpan<ulong> mask)
    {
        for (int w = mask.Length - 1; w >= 0; w--)
            if (mask[w] != 0) return w * CsvScanner.WordBytes + BitOperations.Log2(mask[w]);
        return -1;
    }

    public static int Count(ReadOnlySpan<ulong> mask)
    {
        int count = 0;
        foreach (ulong word in mask) count += BitOperations.PopCount(word);
        return count;
    }
}
