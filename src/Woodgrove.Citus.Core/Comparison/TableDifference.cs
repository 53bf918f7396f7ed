using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Comparison;

/// <summary>What two tables do not have in common.</summary>
/// <param name="Table">With its schema.</param>
/// <param name="Key">
/// The row's key, as <c>column = value</c>; of a table without a key, the row as PostgreSQL writes it; of a column, its name.
/// </param>
/// <param name="Columns">The columns whose values differ, with both values; of a column, its types.</param>
/// <param name="SourceRows">How many rows of this key the source has.</param>
/// <param name="TargetRows">How many rows of this key the target has.</param>
public sealed record TableDifference(
    string Table, TableDifferenceKind Kind, string Key, Listing<ValueDifference> Columns, long SourceRows, long TargetRows)
{
    public override string ToString() => Columns.Count == 0 ? $"{Kind}: {Key}" : $"{Kind}: {Key}: {string.Join(", ", Columns)}";
}
