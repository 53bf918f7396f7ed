namespace Woodgrove.Citus.Plans;

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
