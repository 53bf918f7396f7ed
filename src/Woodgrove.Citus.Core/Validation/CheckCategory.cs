namespace Woodgrove.Citus.Validation;

/// <summary>What part of a cluster a check looks at.</summary>
public enum CheckCategory
{
    Nodes,
    Metadata,
    Shards,
    Tables,
    Transactions,
    Capacity,
    Security,

    /// <summary>What stands in the way of a newer Citus or PostgreSQL; looked at only where it is asked for.</summary>
    Upgrade,
}
