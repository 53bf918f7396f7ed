using System.Buffers.Binary;

namespace Woodgrove.Citus.Values;

/// <summary>Hashes values from the form that they have in COPY's binary format, as PostgreSQL hashes them.</summary>
internal static class BinaryHasher
{
    /// <summary>Hashes a value that is not NULL.</summary>
    public delegate int Hasher(ReadOnlySpan<byte> value);

    /// <summary>The hasher for a type, or null where a client can't hash it.</summary>
    public static Hasher? For(uint type) => type switch
    {
        PgType.Int2 => value => PostgresHash.Int64(BinaryPrimitives.ReadInt16BigEndian(value)),
        PgType.Int4 => value => PostgresHash.Int64(BinaryPrimitives.ReadInt32BigEndian(value)),
        PgType.Int8 or PgType.Timestamp or PgType.TimestampTz => value => PostgresHash.Int64(BinaryPrimitives.ReadInt64BigEndian(value)),
        PgType.Date => value => PostgresHash.Int32(BinaryPrimitives.ReadInt32BigEndian(value)),
        PgType.Boolean => value => PostgresHash.Int32(value[0]),
        PgType.Float8 => value => PostgresHash.Double(BinaryPrimitives.ReadDoubleBigEndian(value)),
        PgType.Text or PgType.Varchar or PgType.Bytea or PgType.Uuid => value => PostgresHash.Bytes(value),
        PgType.Bpchar => value => PostgresHash.Bytes(value.TrimEnd((byte)' ')),
        PgType.Numeric => Numeric,
        _ => null,
    };

    /// <summary>The value has four words (the digits' number, weight, sign, scale), and then its digits, each of base 10000.</summary>
    private static int Numeric(ReadOnlySpan<byte> value)
    {
        const int isSpecial = 0xC000; // NaN and the infinities
        if ((BinaryPrimitives.ReadUInt16BigEndian(value[4..]) & isSpecial) == isSpecial) return 0;
        int weight = BinaryPrimitives.ReadInt16BigEndian(value[2..]);
        var digits = new short[BinaryPrimitives.ReadInt16BigEndian(value)];
        for (int i = 0; i < digits.Length; i++) digits[i] = BinaryPrimitives.ReadInt16BigEndian(value[(8 + 2 * i)..]);
        ReadOnlySpan<short> significant = digits.AsSpan().TrimEnd((short)0);
        int zeros = significant.Length - significant.TrimStart((short)0).Length;
        return PostgresHash.Numeric(significant[zeros..], weight - zeros);
    }
}
