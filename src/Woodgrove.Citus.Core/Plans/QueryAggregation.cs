namespace Woodgrove.Citus.Plans;

/// <summary>Where groups and aggregates are computed.</summary>
public enum QueryAggregation
{
    None,

    /// <summary>Wholly on the workers: every group lies within one shard.</summary>
    Pushdown,

    /// <summary>In two steps: each shard its part, and the coordinator merges the parts.</summary>
    Partial,

    /// <summary>On the coordinator alone, which pulls up every row.</summary>
    PulledToCoordinator,
}
