namespace Woodgrove.Citus.Operations;

/// <summary>What an interrupted operation has left behind.</summary>
public enum LeftoverKind
{
    /// <summary>
    /// A record in pg_dist_cleanup of a node that is not in the cluster any more. Citus can't act on it, nor on those
    /// after it.
    /// </summary>
    RecordOfRemovedNode,

    /// <summary>A shard, subscription, slot or the like of a move or split that has ended, listed in pg_dist_cleanup.</summary>
    CleanupRecord,

    /// <summary>A transaction that Citus has prepared on a node and not yet ended.</summary>
    PreparedTransaction,

    /// <summary>A transaction that an interrupted import of this module has left prepared on a node.</summary>
    ImportTransaction,
}
