using System.Globalization;

namespace Woodgrove.Citus.Values;

/// <summary>
/// What .NET's parsing of numbers overlooks: it takes a group separator anywhere, so that <c>1.5</c> is 15 in a culture
/// that groups by points, and it rounds to 28 digits.
/// </summary>
internal static class CultureNumber
{
    public const string NaN = "NaN";
    private const int MostDigits = 28; // of System.Decimal
    private static readonly string[] Spaces = [" ", "\u00a0", "\u202f"], Apostrophes = ["'", "\u2019"];

    /// <summary>The text with the culture's own separators, once its groups are found to be where the culture has them.</summary>
    /// <exception cref="FormatException">A group separator stands elsewhere, or there are too many digits to keep.</exception>
    public static string Check(string text, NumberFormatInfo format)
    {
        string trimmed = text.Trim();
        if (trimmed.Equals(NaN, StringComparison.OrdinalIgnoreCase) || trimmed == format.NaNSymbol) return NaN;
        if (format.CurrencySymbol.Length > 0) trimmed = trimmed.Replace(format.CurrencySymbol, "", StringComparison.Ordinal).Trim();
        string number = WithSeparatorsOf(trimmed, format);
        int point = IndexOfPoint(number, format);
        string whole = point < 0 ? number : number[..point], fraction = point < 0 ? "" : number[(point + 1)..];
        if (fraction.Contains(format.NumberGroupSeparator, StringComparison.Ordinal))
            throw new FormatException("a group separator is after the decimal separator");
        string[] groups = whole.Split(format.NumberGroupSeparator);
        for (int i = groups.Length - 1, size = 0; i >= 0 && groups.Length > 1; i--, size++)
        {
            int digits = groups[i].Count(char.IsAsciiDigit),
                expected = format.NumberGroupSizes.Length == 0 ? 0
                    : format.NumberGroupSizes[Math.Min(size, format.NumberGroupSizes.Length - 1)];
            if (expected == 0 || (i == 0 ? digits < 1 || digits > expected : digits != expected))
                throw new FormatException("a group separator is in a place where the culture has none");
        }
        if (number.Where(char.IsAsciiDigit).SkipWhile(c => c == '0').Count() > MostDigits
            && !number.Contains('e', StringComparison.OrdinalIgnoreCase))
            throw ValueErrors.TooManyDigits(MostDigits);
        return number;
    }

    private static int IndexOfPoint(string number, NumberFormatInfo format) =>
        number.IndexOf(format.NumberDecimalSeparator, StringComparison.Ordinal);

    /// <summary>A culture's spaces and apostrophes are written in several ways.</summary>
    private static string WithSeparatorsOf(string text, NumberFormatInfo format)
    {
        foreach (string[] alike in new[] { Spaces, Apostrophes })
        {
            if (!alike.Contains(format.NumberGroupSeparator)) continue;
            foreach (string other in alike) text = text.Replace(other, format.NumberGroupSeparator, StringComparison.Ordinal);
        }
        return text;
    }
}
