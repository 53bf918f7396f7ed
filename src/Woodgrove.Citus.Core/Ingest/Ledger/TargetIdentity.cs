using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// What must stay the same about a table between the runs of an import: <c>alter_distributed_table</c> and
/// <c>undistribute_table</c> replace a table by another of the same name, as DROP and CREATE do.
/// </summary>
/// <param name="Name">The table's schema-qualified name.</param>
/// <param name="Oid">Its OID on the coordinator.</param>
/// <param name="Distribution">Its distribution column and type, or its kind where it has none.</param>
internal sealed record TargetIdentity(string Name, uint Oid, string Distribution)
{
    public static TargetIdentity Of(TableInfo table) => new(table.Name.ToString(), table.Oid,
        table.DistributionColumn is { } key ? $"{key} {table.FindColumn(key)?.TypeName}" : table.Kind.ToString());
}
