using Woodgrove.Citus.Export;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Comparison;

/// <summary>Whether a table of one database has the rows of the table of that name in another.</summary>
/// <param name="Table">With its schema.</param>
/// <param name="IsEqual">
/// True where both have the same columns, as many rows, and the same two sums of 64-bit hashes of the rows' text in each of
/// 1,024 groups of rows.
/// </param>
/// <param name="Differences">At most as many as were asked for: those of columns first, then those of rows.</param>
/// <param name="HasMoreDifferences">True where further rows differ.</param>
/// <param name="Method">How the rows of each side were read.</param>
/// <param name="SourceConsistency">As of when the source's rows were read.</param>
/// <param name="TargetConsistency">As of when the target's rows were read.</param>
/// <param name="Notes">What else one has to know of the result.</param>
public sealed record TableComparison(
    string Table, bool IsEqual, long SourceRows, long TargetRows, Listing<TableDifference> Differences, bool HasMoreDifferences,
    TimeSpan Duration, string Method, ExportConsistency SourceConsistency, ExportConsistency TargetConsistency,
    Listing<string> Notes);
