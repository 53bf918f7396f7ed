using System.Globalization;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>How many refused records a load may have: a number, or a share of its records.</summary>
public sealed record ErrorLimit(long? Count, double? Share)
{
    /// <summary>Reads 100 or 0.5%.</summary>
    public static ErrorLimit Parse(string text)
    {
        string number = text.Trim().TrimEnd('%').TrimEnd();
        if (double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= 0)
        {
            if (text.Contains('%', StringComparison.Ordinal)) return new ErrorLimit(null, value / 100);
            if (value == Math.Floor(value)) return new ErrorLimit((long)value, null);
        }
        throw RejectErrors.InvalidLimit(text);
    }
}
