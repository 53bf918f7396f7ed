namespace Woodgrove.Citus.Shards;

/// <summary>What would help.</summary>
public enum SkewAction
{
    /// <summary>Nothing needs doing, or nothing would help.</summary>
    None,

    /// <summary>Shards on other nodes.</summary>
    Rebalance,

    /// <summary>A shard of its own for each of the heaviest values.</summary>
    IsolateTenant,

    /// <summary>Distributing the table by another column.</summary>
    OtherColumn,
}
