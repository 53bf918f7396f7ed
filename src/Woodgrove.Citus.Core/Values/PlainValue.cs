using System.Buffers.Text;
using System.Runtime.CompilerServices;

namespace Woodgrove.Citus.Values;

/// <summary>
/// Reads values of PostgreSQL's types from their text in UTF-8, where they are written in one of the plain ways, for which
/// no setting of the session counts. Of any other text it says that it does not know: the server alone can tell.
/// </summary>
internal static class PlainValue
{
    public const int MaxNumericGroups = 64;
    private const int MaxNumericText = 4 * (MaxNumericGroups - 2);
    private const long MicrosecondsPerDay = 86_400_000_000;
    private static readonly long DaysTo2000 = new DateTime(2000, 1, 1).Ticks / TimeSpan.TicksPerDay;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryInteger(ReadOnlySpan<byte> text, out long value) =>
        TryDigits(text, out value) || (Utf8Parser.TryParse(text, out value, out int used) && used == text.Length);

    public static bool TryBoolean(ReadOnlySpan<byte> text, out bool value)
    {
        value = text.SequenceEqual("t"u8) || text.SequenceEqual("true"u8) || text.SequenceEqual("1"u8);
        return value || text.SequenceEqual("f"u8) || text.SequenceEqual("false"u8) || text.SequenceEqual("0"u8);
    }

    public static bool TryDouble(ReadOnlySpan<byte> text, out double value)
    {
        value = text.SequenceEqual("NaN"u8) ? double.NaN : text.SequenceEqual("Infinity"u8) ? double.PositiveInfinity
            : text.SequenceEqual("-Infinity"u8) ? double.NegativeInfinity : 0;
        if (value != 0) return true;
        // Too large, and too small to be other than zero, are errors in PostgreSQL.
        return text.Length > 0 && text[^1] is >= (byte)'0' and <= (byte)'9'
            && Utf8Parser.TryParse(text, out value, out int used) && used == text.Length && double.IsFinite(value)
            && (Math.Abs(value) > 1e-300 || text.IndexOfAnyInRange((byte)'1', (byte)'9') < 0);
    }

    public static bool TrySingle(ReadOnlySpan<byte> text, out float value)
    {
        value = 0;
        return text.Length > 0 && text[^1] is >= (byte)'0' and <= (byte)'9'
            && Utf8Parser.TryParse(text, out value, out int used) && used == text.Length && float.IsFinite(value)
            && (Math.Abs(value) > 1e-35f || text.IndexOfAnyInRange((byte)'1', (byte)'9') < 0);
    }

    /// <param name="bytes">Room for 16, which come in the order in which they are written.</param>
    public static bool TryUuid(ReadOnlySpan<byte> text, Span<byte> bytes) =>
        text.Length == 36 && Utf8Parser.TryParse(text, out Guid value, out int used, 'D') && used == 36
            && value.TryWriteBytes(bytes, bigEndian: true, out _);

    /// <summary>The bytes of <c>\x</c> and hexadecimal digits.</summary>
    public static bool TryHex(ReadOnlySpan<byte> text, Span<byte> bytes, out int length)
    {
        length = 0;
        if (!text.StartsWith("\\x"u8) || text.Length % 2 != 0) return false;
        for (text = text[2..]; text.Length > 0; text = text[2..])
        {
            if (!Utf8Parser.TryParse(text[..2], out byte octet, out int used, 'x') || used != 2) return false;
            bytes[length++] = octet;
        }
        return true;
    }

    /// <param name="digits">Room for <see cref="MaxNumericGroups"/>.</param>
    public static bool TryNumeric(ReadOnlySpan<byte> text, Span<short> digits, out PlainNumeric number)
    {
        number = default;
        bool negative = text.Length > 0 && text[0] == '-';
        if (negative || (text.Length > 0 && text[0] == '+')) text = text[1..];
        int exponent = 0;
        if (text.IndexOfAny((byte)'e', (byte)'E') is >= 0 and int e)
        {
            if (!Utf8Parser.TryParse(text[(e + 1)..], out exponent, out int used) || used != text.Length - e - 1
                || Math.Abs(exponent) > 1000) return false;
            text = text[..e];
        }
        if (text.Length is 0 or > MaxNumericText) return false;
        int point = text.IndexOf((byte)'.');
        int whole = (point < 0 ? text.Length : point) + exponent; // decimal digits before the point
        // Groups of four lie around the decimal point.
        int place = (4 - (whole & 3)) & 3, weight = ((whole + place) >> 2) - 1;
        int groups = 0, group = 0, fraction = point < 0 ? 0 : text.Length - point - 1;
        if (text.Length == 1 && point == 0) return false;
        for (int i = 0; i < text.Length; i++)
        {
            if (i == point) continue;
            int digit = text[i] - '0';
            if ((uint)digit > 9) return false;
            group = group * 10 + digit;
            if (++place < 4) continue;
            digits[groups++] = (short)group;
            (group, place) = (0, 0);
        }
        if (place > 0)
        {
            for (; place < 4; place++) group *= 10;
            digits[groups++] = (short)group;
        }
        int zeros = 0;
        while (zeros < groups && digits[zeros] == 0) zeros++;
        while (groups > zeros && digits[groups - 1] == 0) groups--;
        digits[zeros..groups].CopyTo(digits);
        number = groups == zeros ? new PlainNumeric(0, 0, false, Math.Max(0, fraction - exponent))
            : new PlainNumeric(groups - zeros, weight - zeros, negative, Math.Max(0, fraction - exponent));
        return true;
    }

    /// <summary>YYYY-MM-DD, whatever the session's DateStyle; in days since 2000-01-01.</summary>
    public static bool TryDate(ReadOnlySpan<byte> text, out int days)
    {
        days = text.SequenceEqual("infinity"u8) ? int.MaxValue : text.SequenceEqual("-infinity"u8) ? int.MinValue : 0;
        if (days != 0) return true;
        if (text.Length != 10 || text[4] != '-' || text[7] != '-'
            || !TryTwoDigits(text, 99, out int century) || !TryTwoDigits(text[2..], 99, out int year)
            || !TryTwoDigits(text[5..], 12, out int month) || !TryTwoDigits(text[8..], 31, out int day)) return false;
        year += century * 100;
        if (year == 0 || month == 0 || day == 0 || day > DateTime.DaysInMonth(year, month)) return false;
        days = (int)(new DateTime(year, month, day).Ticks / TimeSpan.TicksPerDay - DaysTo2000);
        return true;
    }

    /// <summary>
    /// YYYY-MM-DD HH:MM:SS[.ffffff], and with a zone an offset, without which the session's would count; in
    /// microseconds since 2000-01-01.
    /// </summary>
    /// <param name="precision">The most digits after the seconds' point.</param>
    public static bool TryTimestamp(ReadOnlySpan<byte> text, bool withZone, int precision, out long microseconds)
    {
        microseconds = text.SequenceEqual("infinity"u8) ? long.MaxValue : text.SequenceEqual("-infinity"u8) ? long.MinValue : 0;
        if (microseconds != 0) return true;
        if (text.Length < 19 || text[10] is not ((byte)' ' or (byte)'T') || text[13] != ':' || text[16] != ':'
            || !TryDate(text[..10], out int days)
            || !TryTwoDigits(text[11..], 23, out int hours) || !TryTwoDigits(text[14..], 59, out int minutes)
            || !TryTwoDigits(text[17..], 59, out int seconds))
            return false;
        ReadOnlySpan<byte> rest = text[19..];
        int fraction = 0, digits = 0;
        if (rest.Length > 0 && rest[0] == '.')
        {
            for (rest = rest[1..]; rest.Length > 0 && rest[0] is >= (byte)'0' and <= (byte)'9'; rest = rest[1..], digits++)
            {
                if (digits == precision) return false;
                fraction = fraction * 10 + (rest[0] - '0');
            }
            if (digits == 0) return false;
            for (int i = digits; i < 6; i++) fraction *= 10;
        }
        int offset = 0;
        if (withZone ? !TryOffset(rest, out offset) : rest.Length > 0) return false;
        microseconds = days * MicrosecondsPerDay + ((hours * 60L + minutes) * 60 + seconds - offset) * 1_000_000 + fraction;
        return true;
    }

    /// <summary>Z, +HH, +HH:MM or +HHMM, in seconds east.</summary>
    private static bool TryOffset(ReadOnlySpan<byte> text, out int seconds)
    {
        seconds = 0;
        if (text.SequenceEqual("Z"u8)) return true;
        if (text.Length is not (3 or 5 or 6) || text[0] is not ((byte)'+' or (byte)'-') || !TryTwoDigits(text[1..], 15, out int hours))
            return false;
        int minutes = 0;
        if (text.Length == 6 && (text[3] != ':' || !TryTwoDigits(text[4..], 59, out minutes))) return false;
        if (text.Length == 5 && !TryTwoDigits(text[3..], 59, out minutes)) return false;
        seconds = (hours * 60 + minutes) * 60 * (text[0] == '-' ? -1 : 1);
        return true;
    }

    private static bool TryTwoDigits(ReadOnlySpan<byte> text, int max, out int value)
    {
        value = 0;
        if (text.Length < 2 || text[0] is < (byte)'0' or > (byte)'9' || text[1] is < (byte)'0' or > (byte)'9') return false;
        value = (text[0] - '0') * 10 + (text[1] - '0');
        return value <= max;
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
