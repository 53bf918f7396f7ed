using System.Globalization;

namespace Woodgrove.Citus.Values;

/// <summary>
/// Reads numbers as a culture writes them. .NET's own parsing takes a group separator anywhere, so that <c>1.5</c> is 15 in a
/// culture that groups by points, rounds to the digits of its types, and takes what is too large for infinity. Here the digits
/// stay as they are, and the server judges the number.
/// </summary>
internal static class CultureNumber
{
    private static readonly string[] Spaces = [" ", "\u00a0", "\u202f", "\u2009"], Apostrophes = ["'", "\u2019"];

    /// <summary>The number as PostgreSQL reads it, with all its digits.</summary>
    /// <exception cref="FormatException">The culture does not write numbers so.</exception>
    public static string Read(string text, NumberFormatInfo format)
    {
        string number = text.Trim();
        if (Special(number, format) is { } special) return special;
        bool isMoney = TryTake(ref number, format.CurrencySymbol, atEndToo: true);
        bool isNegative = TakeSign(ref number, format, atEndToo: true);
        isMoney = isMoney || TryTake(ref number, format.CurrencySymbol, atEndToo: true);

        int e = number.IndexOfAny(['e', 'E']);
        string exponent = e < 0 ? "" : Exponent(number[(e + 1)..], format);
        if (e >= 0) number = number[..e];
        string? digits = Digits(number, format.NumberDecimalSeparator, format.NumberGroupSeparator, format.NumberGroupSizes);
        if (digits is null && isMoney)
            digits = Digits(number, format.CurrencyDecimalSeparator, format.CurrencyGroupSeparator, format.CurrencyGroupSizes);
        return digits is null ? throw new FormatException("It is no number, or its separators are in other places than the culture's.")
            : (isNegative ? "-" : "") + digits + exponent;
    }

    private static string? Special(string text, NumberFormatInfo format)
    {
        bool Is(params ReadOnlySpan<string> names)
        {
            foreach (string name in names) if (text.Equals(name, StringComparison.OrdinalIgnoreCase)) return true;
            return false;
        }
        return Is("NaN", format.NaNSymbol) ? "NaN"
            : Is("Infinity", "+Infinity", "∞", format.PositiveInfinitySymbol) ? "Infinity"
            : Is("-Infinity", "-∞", format.NegativeInfinitySymbol) ? "-Infinity" : null;
    }

    /// <summary>The number without its separators, or null where they are not in their places.</summary>
    private static string? Digits(string number, string point, string separator, int[] sizes)
    {
        int at = number.IndexOf(point, StringComparison.Ordinal);
        string fraction = at < 0 ? "" : number[(at + point.Length)..];
        string[] groups = Split(at < 0 ? number : number[..at], separator);
        for (int i = groups.Length - 1, size = 0; i >= 0 && groups.Length > 1; i--, size++)
        {
            // The last size holds for all groups further left; zero is as many digits as there are.
            int length = sizes.Length == 0 ? 0 : sizes[Math.Min(size, sizes.Length - 1)], has = groups[i].Length;
            if (has == 0 || (i > 0 ? has != length : length > 0 && has > length)) return null;
        }
        string whole = string.Concat(groups);
        if (whole.Length + fraction.Length == 0 || !whole.All(char.IsAsciiDigit) || !fraction.All(char.IsAsciiDigit)) return null;
        return fraction.Length == 0 ? whole : $"{(whole.Length == 0 ? "0" : whole)}.{fraction}";
    }

    /// <summary>A culture's spaces and apostrophes are written in several ways, but in one way within a number.</summary>
    private static string[] Split(string number, string separator)
    {
        string[] alike = Spaces.Contains(separator) ? Spaces : Apostrophes.Contains(separator) ? Apostrophes : [separator];
        return Array.Find(alike, s => s.Length > 0 && number.Contains(s, StringComparison.Ordinal)) is { } used
            ? number.Split(used) : [number];
    }

    private static string Exponent(string text, NumberFormatInfo format)
    {
        bool isNegative = TakeSign(ref text, format, atEndToo: false);
        return text.Length > 0 && text.All(char.IsAsciiDigit) ? $"e{(isNegative ? "-" : "")}{text}"
            : throw new FormatException("Its exponent is no number.");
    }

    /// <summary>Takes a sign off a number; true where it is a minus.</summary>
    private static bool TakeSign(ref string number, NumberFormatInfo format, bool atEndToo)
    {
        foreach (string minus in (ReadOnlySpan<string>)[format.NegativeSign, "-", "\u2212"])
            if (TryTake(ref number, minus, atEndToo)) return true;
        _ = TryTake(ref number, format.PositiveSign, atEndToo) || TryTake(ref number, "+", atEndToo);
        return false;
    }

    private static bool TryTake(ref string number, string mark, bool atEndToo)
    {
        if (mark.Length == 0) return false;
        bool atStart = number.StartsWith(mark, StringComparison.Ordinal);
        if (!atStart && !(atEndToo && number.EndsWith(mark, StringComparison.Ordinal))) return false;
        number = (atStart ? number[mark.Length..] : number[..^mark.Length]).Trim();
        return true;
    }
}
