namespace Woodgrove.Citus.Plans;

/// <summary>What kind of rows travel between nodes.</summary>
public enum DataMovementKind
{
    /// <summary>What fragments return to the coordinator.</summary>
    FragmentResult,

    /// <summary>The result of a part that runs first, copied from the coordinator to the nodes that use it.</summary>
    IntermediateResult,

    /// <summary>Rows of a join, re-hashed between the workers.</summary>
    Repartition,

    /// <summary>Rows of INSERT … SELECT or MERGE on their way to the shards of the target.</summary>
    RowsToTarget,
}
