namespace Woodgrove.Citus.Export;

/// <summary>As of when the rows were read.</summary>
public enum ExportConsistency
{
    /// <summary>All of them as of one instant.</summary>
    Snapshot,

    /// <summary>Each shard as of the moment at which its own reading began: Citus has no snapshot over several nodes.</summary>
    PerShard,
}
