using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>A table that a query uses, as the catalogs have it.</summary>
/// <param name="Display">As <c>regclass</c> prints it.</param>
/// <param name="IsTarget">The query writes to it.</param>
/// <param name="SizeBytes">All shards together; null where it was not asked for, or could not be read.</param>
/// <param name="Columns">The columns' types by their names, each with its collation where that is not the type's own: Citus colocates only
/// columns of one type and collation.</param>
internal sealed record PlanTable(
    uint Oid, string Display, TableKind Kind, string? DistributionColumn, int? ColocationId, bool IsTarget, long? SizeBytes,
    IReadOnlyDictionary<string, string> Columns)
{
    public bool IsDistributed => Kind is TableKind.Distributed or TableKind.Schema or TableKind.SingleShard;

    public string? DistributionType => DistributionColumn is null ? null : Columns.GetValueOrDefault(DistributionColumn);
}
