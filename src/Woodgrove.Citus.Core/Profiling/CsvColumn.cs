namespace Woodgrove.Citus.Profiling;

/// <summary>A column of a CSV.</summary>
/// <param name="Type">PostgreSQL's type for its values: that of at least 99% of them, else text.</param>
/// <param name="TableType">The table column's type, where a table was named.</param>
/// <param name="DistinctValues">Exact up to 20,000, then within some 2%.</param>
/// <param name="LongestLength">Characters of the longest value.</param>
/// <param name="Unconvertible">Values that are none of the type.</param>
public sealed record CsvColumn(
    string Name, string Type, string? TableType, long Values, long Nulls, long DistinctValues, int LongestLength, string Longest,
    long Unconvertible,
    IReadOnlyList<CsvValueCount> HeaviestValues);
