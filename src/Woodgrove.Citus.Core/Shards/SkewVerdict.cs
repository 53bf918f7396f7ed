namespace Woodgrove.Citus.Shards;

/// <summary>How evenly a table lies. Shards: up to 1.3 times the mean, up to 2, above. Nodes: up to 1.15, up to 1.5, above.</summary>
public enum SkewVerdict
{
    Balanced,
    Uneven,
    Skewed,
}
