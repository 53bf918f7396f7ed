namespace Woodgrove.Citus.Profiling;

/// <summary>A value and in how many rows it stands, or at least stands where there are too many values to count each.</summary>
public sealed record CsvValueCount(string Value, long Rows, double Share);
