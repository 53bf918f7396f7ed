using Woodgrove.Citus.Comparison;

namespace Woodgrove.Citus.Transfer;

/// <summary>What became of one table of a copy.</summary>
/// <param name="Rows">Rows that this run has copied.</param>
/// <param name="Bytes">Their bytes, as COPY writes them.</param>
/// <param name="Parts">How many parts the table has; each was committed by itself.</param>
/// <param name="PartsBefore">Of these, parts that earlier runs had committed.</param>
/// <param name="RowsBefore">The rows of those.</param>
public sealed record CopyResult(string Table, CopyMethod Method, long Rows, long Bytes, TimeSpan Duration, int Parts, int PartsBefore,
    long RowsBefore, Guid? ImportId)
{
    /// <summary>Why the rows went this way.</summary>
    public required string Reason { get; init; }

    /// <summary>True where all rows of this run are of one instant of the source, the same for all tables of the run.</summary>
    public bool IsSnapshot { get; init; }

    /// <summary>The time that indexes and foreign keys took after the rows, where they were deferred.</summary>
    public TimeSpan? IndexDuration { get; init; }

    /// <summary>What comparing the target with the snapshot that was copied gave, where that was asked for.</summary>
    public TableComparison? Comparison { get; init; }

    /// <summary>Whether source and target were found equal; null where they were not compared.</summary>
    public bool? IsVerified => Comparison?.IsEqual;

    /// <summary>Sequences that were set.</summary>
    public int Sequences { get; init; }
}
