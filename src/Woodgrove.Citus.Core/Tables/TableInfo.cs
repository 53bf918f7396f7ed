namespace Woodgrove.Citus.Tables;

/// <summary>How Citus keeps a table's rows.</summary>
public enum TableKind
{
    /// <summary>A plain table of the node one is connected to; Citus does not know it.</summary>
    Local,

    /// <summary>Split into shards by the hash of the distribution column.</summary>
    Distributed,

    /// <summary>One shard, a full copy of it on every node.</summary>
    Reference,

    /// <summary>A table of a distributed schema: one shard, on one node.</summary>
    Schema,

    /// <summary>Distributed without a column: one shard, on one node.</summary>
    SingleShard,
}

/// <summary>A column, as the loader needs to know it.</summary>
/// <param name="TypeName">The type as <c>format_type</c> prints it, modifiers included, such as <c>numeric(10,2)</c>.</param>
/// <param name="TypeOid">The type's oid, without modifiers.</param>
/// <param name="IsGenerated">Computed by the server, so it can't be loaded.</param>
public sealed record TableColumn(
    string Name, string TypeName, uint TypeOid, bool IsNotNull, bool HasDefault, bool IsIdentity, bool IsGenerated)
{
    /// <summary>The n of <c>varchar(n)</c> or <c>char(n)</c>, or null.</summary>
    internal int? MaxLength => TypeOid is 1043 or 1042 && TypeName.IndexOf('(', StringComparison.Ordinal) is > 0 and int open
        ? int.Parse(TypeName.AsSpan(open + 1, TypeName.Length - open - 2), System.Globalization.CultureInfo.InvariantCulture)
        : null;
}

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
    internal bool FillsDistributionColumn => DistributionColumn is { } key && FindColumn(key) is { } column && (column.HasDefault || column.IsIdentity);

    /// <summary>The column of that name, of which PostgreSQL itself keeps the first 63 bytes.</summary>
    public TableColumn? FindColumn(string name) =>
        Columns.FirstOrDefault(c => c.Name == name)
        ?? (name.Length > 20 && TableName.Cut(name) is var cut && cut != name ? FindColumn(cut) : null)
        ?? Columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase));
}
