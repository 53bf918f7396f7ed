namespace Woodgrove.Citus.Plans;

/// <summary>The kinds of joins in a query.</summary>
[Flags]
public enum QueryJoins
{
    None = 0,

    /// <summary>Shards that lie on one node, by equal distribution columns.</summary>
    Colocated = 1,

    /// <summary>With a reference table, of which each node has a copy.</summary>
    Reference = 2,

    /// <summary>One side is re-hashed between the workers to fit the other's shards.</summary>
    SingleHashRepartition = 4,

    /// <summary>Both sides are re-hashed between the workers.</summary>
    DualHashRepartition = 8,

    /// <summary>With the result of a part that ran before and was copied to the nodes.</summary>
    IntermediateResult = 16,

    /// <summary>With a table that only the coordinator has.</summary>
    LocalTable = 32,
}
