using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>How rows travel into a table.</summary>
public enum ImportRoute
{
    /// <summary>The fastest that the table, the user and the network allow.</summary>
    Auto,

    /// <summary>COPY into the table on the coordinator, which sends each row to its shard.</summary>
    Coordinator,

    /// <summary>COPY of each row's own bytes into its shard, on the node that holds it.</summary>
    Shard,

    /// <summary>COPY of each row into the table on the node that holds its shard.</summary>
    Worker,
}

/// <summary>What one file's load did.</summary>
/// <param name="Bytes">Bytes of the source, in its own encoding.</param>
/// <param name="RouteReason">Why this route was taken.</param>
/// <param name="Rejected">Records that were refused and set aside.</param>
/// <param name="Rejects">The first hundred of them.</param>
/// <param name="ImportId">The name of the import in the ledger, or null where none is kept.</param>
public sealed record ImportResult(
    string Table, string Source, long Rows, long Bytes, TimeSpan Duration, double RowsPerSecond, ImportRoute Route, string RouteReason, Guid? ImportId,
    long Rejected, Listing<RefusedRow> Rejects)
{
    /// <summary>With -OnConflict: rows that gave way, to one that the table had or to another of the file.</summary>
    public long Conflicts { get; init; }
}

/// <summary>How far a load is.</summary>
/// <param name="TotalBytes">Null where the source does not say its length.</param>
public readonly record struct ImportProgress(string Source, long Rows, long Bytes, long? TotalBytes, TimeSpan Elapsed);

/// <summary>How often to commit: after so many rows, or so many bytes; blocks of some hundred kilobytes are never cut.</summary>
public sealed record Checkpoint(long? Rows, long? Bytes)
{
    public bool IsReached(long rows, long bytes) => rows >= Rows || bytes >= Bytes;

    /// <summary>Reads a number of rows, or a size such as 64MB.</summary>
    public static Checkpoint Parse(string text)
    {
        string number = text.Trim().TrimEnd('B', 'b');
        int unit = number.Length == 0 ? -1 : "KMG".IndexOf(char.ToUpperInvariant(number[^1]), StringComparison.Ordinal);
        if (!double.TryParse(unit < 0 ? number : number[..^1], System.Globalization.CultureInfo.InvariantCulture, out double value) || value < 1)
        {
            throw new CitusException("CitusInvalidCheckpoint", CitusErrorKind.InvalidArgument, $"'{text}' is neither a number of rows nor a size.",
                "Use a number of rows such as 100000, or a size such as 64MB.");
        }
        return unit < 0 ? new Checkpoint((long)value, null) : new Checkpoint(null, (long)(value * Math.Pow(1024, unit + 1)));
    }
}
