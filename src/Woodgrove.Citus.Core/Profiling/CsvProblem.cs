namespace Woodgrove.Citus.Profiling;

/// <summary>What a load would refuse.</summary>
/// <param name="Line">The physical line, from 1, on which the record ends.</param>
public sealed record CsvProblem(long Line, string? Column, string? Value, string Reason);
