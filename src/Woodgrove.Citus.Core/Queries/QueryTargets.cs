namespace Woodgrove.Citus.Queries;

/// <summary>Where a query runs.</summary>
public enum QueryTargets
{
    /// <summary>On the coordinator itself: the same as without, but for the result.</summary>
    Coordinator,

    /// <summary>On each node but the coordinator.</summary>
    Workers,

    /// <summary>On each node, the coordinator included.</summary>
    AllNodes,

    /// <summary>On each shard of a table, on one of the nodes that have it.</summary>
    Shards,

    /// <summary>On each copy of each shard of a table.</summary>
    Placements,
}
