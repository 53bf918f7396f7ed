namespace Woodgrove.Citus.Shards;

/// <summary>What is measured.</summary>
public enum SkewMeasure
{
    /// <summary>Bytes on disk, indexes and TOAST included; heavy values by the statistics that ANALYZE left. Reads no row.</summary>
    Bytes,

    /// <summary>Rows, counted, with the rows of every distribution value: each shard is read once, on its node.</summary>
    Rows,
}
