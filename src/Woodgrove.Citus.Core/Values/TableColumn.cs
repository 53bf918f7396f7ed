namespace Woodgrove.Citus.Values;

/// <summary>A column, as the loader needs to know it.</summary>
/// <param name="TypeName">The type as <c>format_type</c> prints it, modifiers included, such as <c>numeric(10,2)</c>.</param>
/// <param name="TypeOid">The type's oid, without modifiers.</param>
/// <param name="IsGenerated">Computed by the server, so it can't be loaded.</param>
public sealed record TableColumn(
    string Name, string TypeName, uint TypeOid, bool IsNotNull, bool HasDefault, bool IsIdentity, bool IsGenerated)
{
    /// <summary>Whether an empty text is a value of the type; in a number or a date it can only mean that there is none.</summary>
    public bool HasEmptyText { get; init; } =
        IsText(TypeOid) || TypeOid is PgType.QuotedChar or PgType.Name;

    /// <summary>Whether the bytes of a type's values, and so their hash, depend on the database's encoding.</summary>
    internal static bool IsText(uint type) => type is PgType.Text or PgType.Varchar or PgType.Bpchar;

    /// <summary>The n of <c>varchar(n)</c> or <c>char(n)</c>, or null.</summary>
    internal int? MaxLength =>
        TypeOid is PgType.Varchar or PgType.Bpchar && TypeName.IndexOf('(', StringComparison.Ordinal) is > 0 and int open
        ? int.Parse(TypeName.AsSpan(open + 1, TypeName.Length - open - 2), System.Globalization.CultureInfo.InvariantCulture)
        : null;
}
