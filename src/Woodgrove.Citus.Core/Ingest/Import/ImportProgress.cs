namespace Woodgrove.Citus.Ingest.Import;

/// <summary>How far a load is.</summary>
/// <param name="TotalBytes">Null where the source does not say its length.</param>
public readonly record struct ImportProgress(string Source, long Rows, long Bytes, long? TotalBytes, TimeSpan Elapsed);
