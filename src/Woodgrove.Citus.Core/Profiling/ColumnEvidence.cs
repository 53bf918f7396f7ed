namespace Woodgrove.Citus.Profiling;

/// <summary>What a catalog says of a column.</summary>
internal sealed record ColumnEvidence(string Name, string Type, uint TypeOid, bool CanHash, bool? IsInEveryKey)
{
    public List<RelatedTable> Related { get; } = [];
    public long? Uses { get; set; }
}
