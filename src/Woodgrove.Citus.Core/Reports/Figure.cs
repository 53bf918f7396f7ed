using System.Globalization;

namespace Woodgrove.Citus.Reports;

/// <summary>A number and how it is shown; null where it is not known.</summary>
internal readonly record struct Figure(decimal? Value, string Text)
{
    private static readonly string[] Units = ["bytes", "kB", "MB", "GB", "TB", "PB"];

    public static Figure Count(long value) => new(value, value.ToString("N0", CultureInfo.InvariantCulture));

    /// <summary>With the noun, in the plural where it must be.</summary>
    public static Figure Count(long value, string noun) => new(value, Words(value, noun));

    /// <summary>Bytes with three figures, a kB being 1,000 bytes.</summary>
    public static Figure Bytes(long? value) => new(value, BytesText(value));

    /// <summary>Null where one of them is not known: a part is not the sum.</summary>
    public static long? Total(IEnumerable<long?> sizes) => sizes.Aggregate((long?)0, (sum, size) => sum + size);

    public static Figure Ratio(double value) =>
        new((decimal)Math.Round(value, 4), value.ToString("0.00", CultureInfo.InvariantCulture) + " ×");

    public static string Words(long value, string noun) =>
        value.ToString("N0", CultureInfo.InvariantCulture) + " " + noun + (value == 1 ? "" : "s");

    public static string BytesText(double? bytes)
    {
        if (bytes is not { } value) return "unknown size";
        int unit = 0;
        for (; value >= 1000 && unit < Units.Length - 1; unit++) value /= 1000;
        return value.ToString(unit == 0 || value >= 100 ? "0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture) + " "
            + Units[unit];
    }
}
