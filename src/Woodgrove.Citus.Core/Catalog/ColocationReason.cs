namespace Woodgrove.Citus.Catalog;

/// <summary>Why two tables are colocated, or why not.</summary>
public enum ColocationReason
{
    /// <summary>They are of one colocation group.</summary>
    SameGroup,

    /// <summary>One is a reference table, with a copy on every node.</summary>
    Reference,

    /// <summary>One is a plain table.</summary>
    NotDistributed,

    /// <summary>One is distributed by a column, the other lies whole on one node, or on another one.</summary>
    OtherKind,

    /// <summary>Their distribution columns have different types, so that equal values hash differently.</summary>
    ColumnType,

    /// <summary>Their distribution columns have different collations, which Citus does not colocate.</summary>
    Collation,

    /// <summary>They have different numbers of shards.</summary>
    ShardCount,

    /// <summary>Their shards are kept on different numbers of nodes.</summary>
    Replication,

    /// <summary>
    /// Nothing stands against it, but they are of two groups: one was distributed with colocate_with none, or its
    /// shards were split.
    /// </summary>
    SeparateGroups,
}
