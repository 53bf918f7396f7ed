using System.Globalization;
using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// What must stay the same about a table between the runs of an import: <c>alter_distributed_table</c> and
/// <c>undistribute_table</c> replace a table by another of the same name, as DROP and CREATE do.
/// </summary>
/// <param name="Name">The table's schema-qualified name.</param>
/// <param name="Oid">Its OID on the coordinator.</param>
/// <param name="Distribution">Its distribution column and type, or its kind where it has none.</param>
/// <param name="Staging">The OID of the staging table that has the rows, or null where the table itself has them.</param>
internal sealed record TargetIdentity(string Name, uint Oid, string Distribution, uint? Staging = null)
{
    private const string StagingMark = ", staging table ";

    /// <summary>A regular expression for <see cref="Kept"/> of rows that are in a staging table.</summary>
    public const string StagingPattern = $"{StagingMark}[0-9]+$";

    public static TargetIdentity Of(TableInfo table) => new(table.Name.ToString(), table.Oid,
        table.DistributionColumn is { } key ? $"{key} {table.FindColumn(key)?.TypeName}" : table.Kind.ToString());

    /// <summary>The distribution with the staging table, as the ledger keeps it.</summary>
    public string Kept => Staging is not { } oid ? Distribution
        : string.Create(CultureInfo.InvariantCulture, $"{Distribution}{StagingMark}{oid}");

    /// <param name="kept">As <see cref="Kept"/> gives it.</param>
    public static TargetIdentity Read(string name, uint oid, string kept)
    {
        int mark = kept.LastIndexOf(StagingMark, StringComparison.Ordinal);
        return mark >= 0 && uint.TryParse(kept.AsSpan(mark + StagingMark.Length), NumberStyles.None, CultureInfo.InvariantCulture,
                out uint staging)
            ? new(name, oid, kept[..mark], staging) : new(name, oid, kept);
    }
}
