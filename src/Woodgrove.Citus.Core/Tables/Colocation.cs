namespace Woodgrove.Citus.Tables;

/// <summary>A colocation group: tables whose rows of equal distribution values lie on the same node.</summary>
/// <param name="Type">Distributed, Reference, Schema or SingleShard.</param>
/// <param name="DistributionColumnType">Null where rows are not hashed.</param>
/// <param name="SizeBytes">All shards of all its tables on all nodes, indexes and TOAST included; null where it was not read.</param>
public sealed record ColocationGroup(
    int ColocationId, TableKind Type, string? DistributionColumnType, int ShardCount, int ReplicationFactor, long? SizeBytes, Listing<string> Tables);

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

    /// <summary>Nothing stands against it, but they are of two groups: one was distributed with colocate_with none, or its shards were split.</summary>
    SeparateGroups,
}

/// <summary>Whether two tables are colocated, and why.</summary>
/// <param name="Explanation">The reason in a sentence.</param>
/// <param name="Fix">What would colocate them, or null.</param>
public sealed record ColocationTest(string Table, string OtherTable, bool IsColocated, ColocationReason Reason, string Explanation, string? Fix);
