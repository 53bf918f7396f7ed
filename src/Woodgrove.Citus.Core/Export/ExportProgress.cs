namespace Woodgrove.Citus.Export;

/// <summary>How far an export is.</summary>
/// <param name="Bytes">Bytes of CSV, before they are compressed.</param>
public readonly record struct ExportProgress(long Rows, long Bytes, TimeSpan Elapsed);
