namespace Woodgrove.Citus.Plans;

/// <summary>What kind of rows travel between nodes.</summary>
public enum DataMovementKind
{
    /// <summary>What fragments return to the coordinator.</summary>
    FragmentResult,

    /// <summary>The result of a part that runs first, copied from the coordinator to the nodes that use it.</summary>
    IntermediateResult,

    /// <summary>Rows of a join, re-hashed between the workers.</summary>
    Repartition,

    /// <summary>Rows of INSERT … SELECT or MERGE on their way to the shards of the target.</summary>
    RowsToTarget,
}

/// <summary>Rows that travel between nodes.</summary>
/// <param name="Step">What travels, and why.</param>
/// <param name="Bytes">Estimated from the planner's rows and widths, or counted.</param>
/// <param name="IsMeasured">True where the query ran and Citus counted.</param>
public sealed record DataMovement(string Step, string From, string To, long Bytes, bool IsMeasured)
{
    public required DataMovementKind Kind { get; init; }

    /// <summary>The part to which it belongs, counted from 1; null where it belongs to the query itself.</summary>
    public int? Part { get; init; }
}
