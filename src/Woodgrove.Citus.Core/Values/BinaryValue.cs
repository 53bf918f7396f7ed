using System.Buffers.Binary;

namespace Woodgrove.Citus.Values;

/// <summary>
/// Writes values, from their text, as COPY's binary format has them: the form in which a type's own receive function
/// reads them.
/// </summary>
internal static class BinaryValue
{
    /// <summary>More than any value takes beyond its text's length.</summary>
    public const int MostAdded = 32;

    /// <summary>Writes a value that is not NULL.</summary>
    /// <param name="to">Room for the text's length and <see cref="MostAdded"/> bytes.</param>
    /// <returns>The bytes written, or -1 where the text is not plain (<see cref="PlainValue"/>).</returns>
    public delegate int Writer(ReadOnlySpan<byte> text, Span<byte> to);

    /// <summary>The writer for a column of a type, or null where it is left to the server to read the text.</summary>
    public static Writer? For(uint type) => type switch
    {
        16 => Boolean,
        17 => Bytes,
        20 => Int64,
        21 => Int16,
        23 => Int32,
        25 or 114 or 1042 or 1043 => Text, // the type's own limits are checked by the server
        700 => Single,
        701 => Double,
        1082 => Date,
        1114 => Timestamp,
        1184 => TimestampTz,
        1700 => Numeric,
        2950 => Uuid,
        3802 => Jsonb,
        _ => null,
    };

    private static int Text(ReadOnlySpan<byte> text, Span<byte> to)
    {
        text.CopyTo(to);
        return text.Length;
    }

    private static int Jsonb(ReadOnlySpan<byte> text, Span<byte> to)
    {
        to[0] = 1; // the version of jsonb's binary form
        text.CopyTo(to[1..]);
        return text.Length + 1;
    }

    private static int Int64(ReadOnlySpan<byte> text, Span<byte> to)
    {
        if (!PlainValue.TryInteger(text, out long value)) return -1;
        BinaryPrimitives.WriteInt64BigEndian(to, value);
        return 8;
    }

    private static int Int32(ReadOnlySpan<byte> text, Span<byte> to)
    {
        if (!PlainValue.TryInteger(text, out long value) || value != (int)value) return -1;
        BinaryPrimitives.WriteInt32BigEndian(to, (int)value);
        return 4;
    }

    private static int Int16(ReadOnlySpan<byte> text, Span<byte> to)
    {
        if (!PlainValue.TryInteger(text, out long value) || value != (short)value) return -1;
        BinaryPrimitives.WriteInt16BigEndian(to, (short)value);
        return 2;
    }

    private static int Boolean(ReadOnlySpan<byte> text, Span<byte> to)
    {
        if (!PlainValue.TryBoolean(text, out bool value)) return -1;
        to[0] = value ? (byte)1 : (byte)0;
        return 1;
    }

    private static int Double(ReadOnlySpan<byte> text, Span<byte> to)
    {
        if (!PlainValue.TryDouble(text, out double value)) return -1;
        BinaryPrimitives.WriteDoubleBigEndian(to, value);
        return 8;
    }

    private static int Single(ReadOnlySpan<byte> text, Span<byte> to)
    {
        if (!PlainValue.TrySingle(text, out float value)) return -1;
        BinaryPrimitives.WriteSingleBigEndian(to, value);
        return 4;
    }

    private static int Date(ReadOnlySpan<byte> text, Span<byte> to)
    {
        if (!PlainValue.TryDate(text, out int days)) return -1;
        BinaryPrimitives.WriteInt32BigEndian(to, days);
        return 4;
    }

    private static int Timestamp(ReadOnlySpan<byte> text, Span<byte> to) => Timestamp(text, withZone: false, to);

    private static int TimestampTz(ReadOnlySpan<byte> text, Span<byte> to) => Timestamp(text, withZone: true, to);

    private static int Timestamp(ReadOnlySpan<byte> text, bool withZone, Span<byte> to)
    {
        if (!PlainValue.TryTimestamp(text, withZone, 6, out long microseconds)) return -1;
        BinaryPrimitives.WriteInt64BigEndian(to, microseconds);
        return 8;
    }

    private static int Uuid(ReadOnlySpan<byte> text, Span<byte> to) => PlainValue.TryUuid(text, to[..16]) ? 16 : -1;

    private static int Bytes(ReadOnlySpan<byte> text, Span<byte> to) => PlainValue.TryHex(text, to, out int length) ? length : -1;

    private static int Numeric(ReadOnlySpan<byte> text, Span<byte> to)
    {
        Span<short> digits = stackalloc short[PlainValue.MaxNumericGroups];
        if (!PlainValue.TryNumeric(text, digits, out PlainNumeric number)) return -1;
        ReadOnlySpan<short> words = [(short)number.Groups, (short)number.Weight, number.IsNegative ? (short)0x4000 : (short)0,
            (short)number.Scale, .. digits[..number.Groups]];
        for (int i = 0; i < words.Length; i++) BinaryPrimitives.WriteInt16BigEndian(to[(2 * i)..], words[i]);
        return 2 * words.Length;
    }
}
