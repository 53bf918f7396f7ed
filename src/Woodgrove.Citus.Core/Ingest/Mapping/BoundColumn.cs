using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>A column that is loaded, and where its values come from.</summary>
/// <param name="Field">The file's field, from 0; null where the value is the same for every row.</param>
/// <param name="Name">The field's name in the file, or null where it has none.</param>
/// <param name="Value">The value of all rows.</param>
internal sealed record BoundColumn(TableColumn Column, int? Field, string? Name, object? Value = null)
{
    /// <summary>Its value is the line on which the record ends.</summary>
    public bool IsLine { get; init; }
}
