
namespace Woodgrove.Citus.Ingest.Import;

/// <summary>How often to commit: after so many rows, or so many bytes; blocks of some hundred kilobytes are never cut.</summary>
public sealed record CheckpointInterval(long? Rows, long? Bytes)
{
    public bool IsReached(long rows, long bytes) => rows >= Rows || bytes >= Bytes;

    /// <summary>Reads a number of rows, or a size such as 64MB.</summary>
    public static CheckpointInterval Parse(string text)
    {
        string number = text.Trim().TrimEnd('B', 'b');
        int unit = number.Length == 0 ? -1 : "KMG".IndexOf(char.ToUpperInvariant(number[^1]), StringComparison.Ordinal);
        if (!double.TryParse(unit < 0 ? number : number[..^1], System.Globalization.CultureInfo.InvariantCulture, out double value)
            || value < 1)
        {
            throw ImportErrors.InvalidCheckpoint(text);
        }
        return unit < 0 ? new CheckpointInterval((long)value, null)
            : new CheckpointInterval(null, (long)(value * Math.Pow(1024, unit + 1)));
    }
}
