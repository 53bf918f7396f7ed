using System.Buffers.Text;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>
/// Hashes a column's values from their text, as COPY would after the type's input conversion. It reads the plain
/// ways of writing a value; of any other it says that it does not know, and the server is to be asked.
/// </summary>
public abstract class ValueHasher
{
    private static readonly long DaysTo2000 = new DateTime(2000, 1, 1).Ticks / TimeSpan.TicksPerDay;

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
        return close > 0 && int.TryParse(typeName.AsSpan(open + 1, close - open - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : null;
    }

    private sealed class IntegerHasher(long min, long max) : ValueHasher
    {
        // The usual key: compiled once and for all, as the loop that calls it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            hash = 0;
            if (!TryDigits(text, out long value) && !(Utf8Parser.TryParse(text, out value, out int used) && used == text.Length)) return false;
            if (value < min || value > max) return false;
            hash = PostgresHash.Int64(value);
            return true;
        }

        /// <summary>Digits alone, few enough for any of them to fit: almost every key, in half the time.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static bool TryDigits(ReadOnlySpan<byte> text, out long value)
        {
            value = 0;
            if (text.Length is 0 or > 18) return false;
            foreach (byte b in text)
            {
                uint digit = (uint)b - '0';
                if (digit > 9) return false;
                value = value * 10 + digit;
            }
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
            hash = 0;
            if (text.Length != 36 || !Utf8Parser.TryParse(text, out Guid value, out int used, 'D') || used != 36) return false;
            Span<byte> bytes = stackalloc byte[16];
            value.TryWriteBytes(bytes, bigEndian: true, out _);
            hash = PostgresHash.Bytes(bytes);
            return true;
        }
    }

    private sealed class ByteaHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            hash = 0;
            if (!text.StartsWith("\\x"u8) || text.Length % 2 != 0) return false;
            byte[] bytes = new byte[(text.Length - 2) / 2];
            for (int i = 0; i < bytes.Length; i++)
            {
                if (!Utf8Parser.TryParse(text.Slice(2 + i * 2, 2), out byte octet, out int used, 'x') || used != 2) return false;
                bytes[i] = octet;
            }
            hash = PostgresHash.Bytes(bytes);
            return true;
        }
    }

    private sealed class BooleanHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            bool yes = text.SequenceEqual("t"u8) || text.SequenceEqual("true"u8) || text.SequenceEqual("1"u8);
            hash = PostgresHash.Int32(yes ? 1 : 0);
            return yes || text.SequenceEqual("f"u8) || text.SequenceEqual("false"u8) || text.SequenceEqual("0"u8);
        }
    }

    private sealed class DoubleHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            hash = 0;
            double value;
            if (text.SequenceEqual("NaN"u8)) value = double.NaN;
            else if (text.SequenceEqual("Infinity"u8)) value = double.PositiveInfinity;
            else if (text.SequenceEqual("-Infinity"u8)) value = double.NegativeInfinity;
            else if (text.Length == 0 || text[^1] is < (byte)'0' or > (byte)'9'
                || !Utf8Parser.TryParse(text, out value, out int used) || used != text.Length || !double.IsFinite(value)) return false;
            hash = PostgresHash.Double(value);
            return true;
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
            if (text.Length > 0 && text[0] is (byte)'-' or (byte)'+') text = text[1..]; // the sign is not hashed
            int exponent = 0;
            if (text.IndexOfAny((byte)'e', (byte)'E') is >= 0 and int e)
            {
                if (!Utf8Parser.TryParse(text[(e + 1)..], out exponent, out int used) || used != text.Length - e - 1 || Math.Abs(exponent) > 1000) return false;
                text = text[..e];
            }
            return TryDigits(text, exponent, out hash);
        }

        private static bool TryDigits(ReadOnlySpan<byte> text, int exponent, out int hash)
        {
            hash = 0;
            int point = text.IndexOf((byte)'.');
            int whole = (point < 0 ? text.Length : point) + exponent; // decimal digits before the point
            var decimals = new List<byte>(text.Length);
            foreach (byte b in text)
            {
                if (b == '.' && point >= 0 && decimals.Count == point) continue;
                if (b is < (byte)'0' or > (byte)'9') return false;
                decimals.Add((byte)(b - '0'));
            }
            if (decimals.Count == 0) return false;
            // Align to groups of four around the decimal point, then cut zero groups at both ends.
            int before = ((whole % 4) + 4) % 4;
            int lead = before == 0 ? 0 : 4 - before;
            var digits = new List<short>();
            for (int i = -lead; i < decimals.Count; i += 4)
            {
                int group = 0;
                for (int j = i; j < i + 4; j++) group = group * 10 + (j >= 0 && j < decimals.Count ? decimals[j] : 0);
                digits.Add((short)group);
            }
            int weight = (whole + lead) / 4 - 1;
            while (digits.Count > 0 && digits[0] == 0)
            {
                digits.RemoveAt(0);
                weight--;
            }
            while (digits.Count > 0 && digits[^1] == 0) digits.RemoveAt(digits.Count - 1);
            hash = PostgresHash.Numeric(digits.ToArray(), weight);
            return true;
        }
    }

    private sealed class DateHasher : ValueHasher
    {
        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            hash = 0;
            if (text.SequenceEqual("infinity"u8)) hash = PostgresHash.Int32(int.MaxValue);
            else if (text.SequenceEqual("-infinity"u8)) hash = PostgresHash.Int32(int.MinValue);
            else if (TryDate(text, out long days)) hash = PostgresHash.Int32((int)days);
            else return false;
            return true;
        }
    }

    private sealed class TimestampHasher(bool withZone, int? precision) : ValueHasher
    {
        private const long MicrosecondsPerDay = 86_400_000_000;

        public override bool TryHash(ReadOnlySpan<byte> text, out int hash)
        {
            hash = 0;
            if (text.SequenceEqual("infinity"u8)) hash = PostgresHash.Int64(long.MaxValue);
            else if (text.SequenceEqual("-infinity"u8)) hash = PostgresHash.Int64(long.MinValue);
            else if (TryMicroseconds(text, out long value)) hash = PostgresHash.Int64(value);
            else return false;
            return true;
        }

        /// <summary>YYYY-MM-DD HH:MM:SS[.ffffff], and for timestamptz an offset, without which the session's zone counts.</summary>
        private bool TryMicroseconds(ReadOnlySpan<byte> text, out long value)
        {
            value = 0;
            if (text.Length < 19 || text[10] is not ((byte)' ' or (byte)'T') || text[13] != ':' || text[16] != ':'
                || !TryDate(text[..10], out long days)
                || !TryTwoDigits(text[11..], 23, out int hours) || !TryTwoDigits(text[14..], 59, out int minutes) || !TryTwoDigits(text[17..], 59, out int seconds))
                return false;
            ReadOnlySpan<byte> rest = text[19..];
            int fraction = 0, digits = 0;
            if (rest.Length > 0 && rest[0] == '.')
            {
                for (rest = rest[1..]; rest.Length > 0 && rest[0] is >= (byte)'0' and <= (byte)'9'; rest = rest[1..], digits++)
                    fraction = fraction * 10 + (rest[0] - '0');
                if (digits is 0 or > 6 || digits > precision) return false; // more digits would be rounded
                for (int i = digits; i < 6; i++) fraction *= 10;
            }
            int offset = 0;
            if (withZone ? !TryOffset(rest, out offset) : rest.Length > 0) return false;
            value = days * MicrosecondsPerDay + ((hours * 60L + minutes) * 60 + seconds - offset) * 1_000_000 + fraction;
            return true;
        }

        /// <summary>Z, +HH, +HH:MM or +HHMM, in seconds east.</summary>
        private static bool TryOffset(ReadOnlySpan<byte> text, out int seconds)
        {
            seconds = 0;
            if (text.SequenceEqual("Z"u8)) return true;
            if (text.Length is not (3 or 5 or 6) || text[0] is not ((byte)'+' or (byte)'-') || !TryTwoDigits(text[1..], 15, out int hours)) return false;
            int minutes = 0;
            if (text.Length == 6 && (text[3] != ':' || !TryTwoDigits(text[4..], 59, out minutes))) return false;
            if (text.Length == 5 && !TryTwoDigits(text[3..], 59, out minutes)) return false;
            seconds = (hours * 60 + minutes) * 60 * (text[0] == '-' ? -1 : 1);
            return true;
        }
    }

    private static bool TryTwoDigits(ReadOnlySpan<byte> text, int max, out int value)
    {
        value = 0;
        if (text.Length < 2 || text[0] is < (byte)'0' or > (byte)'9' || text[1] is < (byte)'0' or > (byte)'9') return false;
        value = (text[0] - '0') * 10 + (text[1] - '0');
        return value <= max;
    }

    /// <summary>YYYY-MM-DD, whatever the session's DateStyle; days since 2000-01-01.</summary>
    private static bool TryDate(ReadOnlySpan<byte> text, out long days)
    {
        days = 0;
        if (text.Length != 10 || text[4] != '-' || text[7] != '-'
            || !TryTwoDigits(text, 99, out int century) || !TryTwoDigits(text[2..], 99, out int year)
            || !TryTwoDigits(text[5..], 12, out int month) || !TryTwoDigits(text[8..], 31, out int day)) return false;
        year += century * 100;
        if (year == 0 || month == 0 || day == 0 || day > DateTime.DaysInMonth(year, month)) return false;
        days = new DateTime(year, month, day).Ticks / TimeSpan.TicksPerDay - DaysTo2000;
        return true;
    }
}
