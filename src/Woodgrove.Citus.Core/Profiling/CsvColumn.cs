using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>A column of a CSV.</summary>
/// <param name="Type">PostgreSQL's type for its values: that of at least 99% of them, else text.</param>
/// <param name="TableType">The table column's type, where a table was named.</param>
/// <param name="DistinctValues">Exact up to 20,000, then within some 2%: a column of unique values may seem to have a few less, or
/// more.</param>
/// <param name="IsDistinctEstimate">True where the number of distinct values is an estimate.</param>
/// <param name="LongestLength">Characters of the longest value.</param>
/// <param name="Unconvertible">Values that are none of the type.</param>
public sealed record CsvColumn(
    string Name, string Type, string? TableType, long Values, long Nulls, long DistinctValues, bool IsDistinctEstimate, int LongestLength,
    string Longest, long Unconvertible,
    Listing<CsvValueCount> HeaviestValues);
