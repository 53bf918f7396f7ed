namespace Woodgrove.Citus.Catalog;

/// <summary>Whether two tables are colocated, and why.</summary>
/// <param name="Explanation">The reason in a sentence.</param>
/// <param name="Fix">What would colocate them, or null.</param>
public sealed record ColocationTest(string Table, string OtherTable, bool IsColocated, ColocationReason Reason, string Explanation,
    string? Fix);
