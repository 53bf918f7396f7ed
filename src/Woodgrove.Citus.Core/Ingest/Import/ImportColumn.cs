namespace Woodgrove.Citus.Ingest.Import;

/// <summary>A column that an import would load.</summary>
/// <param name="Field">The file's field, from 1; null where the value is the same for every row.</param>
/// <param name="Name">The field's name in the file, or null where it has none.</param>
/// <param name="FirstValues">What the first rows would hold, as the server would be sent it; null is NULL.</param>
public sealed record ImportColumn(int? Field, string? Name, string Column, string Type, IReadOnlyList<string?> FirstValues);
