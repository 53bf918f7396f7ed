using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Catalog;

/// <summary>What the catalogs say of one table.</summary>
public sealed record TableInfo
{
    public required uint Oid { get; init; }
    public required TableName Name { get; init; }

    /// <summary>As <c>regclass</c> prints it: schema-qualified only where the schema is not on the search path.</summary>
    public required string Display { get; init; }

    public required TableKind Kind { get; init; }
    public required IReadOnlyList<TableColumn> Columns { get; init; }
    public string? DistributionColumn { get; init; }
    public int? ColocationId { get; init; }

    /// <summary>Whether the coordinator gives a row a distribution value that has none: by a default, or as an identity.</summary>
    internal bool FillsDistributionColumn =>
        DistributionColumn is { } key && FindColumn(key) is { } column && (column.HasDefault || column.IsIdentity);

    /// <summary>The column of that name, of which PostgreSQL itself keeps the first 63 bytes.</summary>
    public TableColumn? FindColumn(string name) =>
        Columns.FirstOrDefault(c => c.Name == name)
        ?? (name.Length > 20 && TableName.Cut(name) is var cut && cut != name ? FindColumn(cut) : null)
        ?? Columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase));
}
