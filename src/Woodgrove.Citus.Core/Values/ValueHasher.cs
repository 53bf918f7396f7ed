using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Woodgrove.Citus.Values;

/// <summary>
/// Hashes a column's values from their text, as COPY would after the type's input conversion. It reads the plain
/// ways of writing a value; of any other it says that it does not know, and the server is to be asked.
/// </summary>
public abstract class ValueHasher
{
    /// <summary>The hasher for a column, or null where a client can't hash its type.</summary>
    public static ValueHasher? For(TableColumn column)
    {
        int? modifier = Modifier(column.TypeName);
        return column.TypeOid switch
        {
            21 => new IntegerHasher(short.MinValue, short.MaxValue),
            23 => new IntegerHasher(int.MinValue, int.MaxValue),
            20 => new IntegerHasher(long.MinValue, long.MaxValue),
            25 => new TextHasher(null, trim: false),
            1043 => new TextHasher(modifier, trim: false),
            1042 => new TextHasher(modifier, trim: true),
            17 => new ByteaHasher(),
            2950 => new UuidHasher(),
            1082 => new DateHasher(),
            1114 => new TimestampHasher(withZone: false, modifier),
            1184 => new TimestampHasher(withZone: true, modifier),
            16 => new BooleanHasher(),
            701 => new DoubleHasher(),
            1700 => new NumericHasher(column.TypeName.Contains('(', StringComparison.Ordinal)),
            _ => null,
        };
    }

    /// <summary>Hashes a value, from its text in UTF-8.</summary>
    /// <returns>False where this way of writing the value is not one of the plain ones.</returns>
    public abstract bool TryHash(ReadOnlySpan<byte> text, out int hash);

    public bool TryHash(string text, out int hash) => TryHash(Encoding.UTF8.GetBytes(text), out hash);

    /// <summary>The n of <c>varchar(n)</c> or <c>timestamp(n)</c>.</summary>
    private static int? Modifier(string typeName)
    {
        int open = typeName.IndexOf('(', StringComparison.Ordinal);
        int close = open < 0 ? -1 : typeName.IndexOf(')', open);
        return close > 0 && int.TryParse(typeName.AsSpan(open + 1, close - open - 1), NumberStyles.None, CultureInfo.InvariantCulture,
            out int n) ? n : null;
    }

    private sealed class IntegerHasher(long min, long max) : ValueHasher
    {
        // The usual key: compiled once and for all, as the loop that calls it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            hash = 0;
            if (!PlainValue.TryInteger(text, out long value) || value < min || value > max) return false;
            hash = PostgresHash.Int64(value);
            return true;
        }
    }

    private sealed class TextHasher(int? maxLength, bool trim) : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            hash = 0;
            if (trim) text = text.TrimEnd((byte)' ');
            // Too long for the type: the server refuses it, or cuts blanks off.
            if (text.Length > maxLength && Characters(text) > maxLength) return false;
            hash = PostgresHash.Bytes(text);
            return true;
        }

        /// <summary>Code points, which is what varchar(n) counts.</summary>
        private static int Characters(ReadOnlySpan<byte> text)
        {
            int count = 0;
            foreach (byte b in text) count += (b & 0xC0) == 0x80 ? 0 : 1;
            return count;
        }
    }

    private sealed class UuidHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            Span<byte> bytes = stackalloc byte[16];
            bool known = PlainValue.TryUuid(text, bytes);
            hash = known ? PostgresHash.Bytes(bytes) : 0;
            return known;
        }
    }

    private sealed class ByteaHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            byte[] bytes = new byte[text.Length / 2];
            bool known = PlainValue.TryHex(text, bytes, out int length);
            hash = known ? PostgresHash.Bytes(bytes.AsSpan(0, length)) : 0;
            return known;
        }
    }

    private sealed class BooleanHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            bool known = PlainValue.TryBoolean(text, out bool value);
            hash = PostgresHash.Int32(value ? 1 : 0);
            return known;
        }
    }

    private sealed class DoubleHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            bool known = PlainValue.TryDouble(text, out double value);
            hash = known ? PostgresHash.Double(value) : 0;
            return known;
        }
    }

    private sealed class NumericHasher(bool hasModifier) : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            hash = 0;
            if (text.SequenceEqual("NaN"u8)) return true;
            // numeric(p,s) rounds, which changes the value: the server knows how.
            if (hasModifier) return false;
            Span<short> digits = stackalloc short[PlainValue.MaxNumericGroups];
            if (!PlainValue.TryNumeric(text, digits, out PlainNumeric number)) return false;
            hash = PostgresHash.Numeric(digits[..number.Groups].ToArray(), number.Weight);
            return true;
        }
    }

    private sealed class DateHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            bool known = PlainValue.TryDate(text, out int days);
            hash = PostgresHash.Int32(days);
            return known;
        }
    }

    private sealed class TimestampHasher(bool withZone, int? precision) : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            // More digits than the type keeps would be rounded.
            bool known = PlainValue.TryTimestamp(text, withZone, precision ?? 6, out long microseconds);
            hash = PostgresHash.Int64(microseconds);
            return known;
        }
    }
}
