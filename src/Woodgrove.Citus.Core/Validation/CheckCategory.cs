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
}
