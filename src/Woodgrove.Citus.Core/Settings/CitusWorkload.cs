namespace Woodgrove.Citus.Settings;

/// <summary>What a cluster mostly does.</summary>
public enum CitusWorkload
{
    /// <summary>Many sessions, each reading and writing a few rows of one distribution value.</summary>
    Transactional,

    /// <summary>Few sessions that read much, over all shards.</summary>
    Analytical,

    Mixed,
}
