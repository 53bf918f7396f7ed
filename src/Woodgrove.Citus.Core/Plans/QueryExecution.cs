namespace Woodgrove.Citus.Plans;

/// <summary>How the cluster runs a query.</summary>
public enum QueryExecution
{
    /// <summary>On the node that one is connected to; no shard is asked.</summary>
    Local,

    /// <summary>On a copy of reference tables alone.</summary>
    Reference,

    /// <summary>Passed on whole to the one node whose shards hold the rows.</summary>
    Router,

    /// <summary>One fragment a shard, run at once.</summary>
    MultiShard,

    /// <summary>Rows are first re-hashed between the workers, because the join is not by the distribution column.</summary>
    Repartition,

    /// <summary>A part runs first; its result is pulled to the coordinator and pushed to the nodes that need it.</summary>
    PullPush,

    /// <summary>INSERT … SELECT that each worker runs on its own shards.</summary>
    InsertSelectPushdown,

    /// <summary>INSERT … SELECT whose rows are re-hashed between the workers.</summary>
    InsertSelectRepartition,

    /// <summary>INSERT … SELECT whose rows come to the coordinator and go out again.</summary>
    InsertSelectPull,

    /// <summary>MERGE that each worker runs on its own shards.</summary>
    MergePushdown,

    /// <summary>MERGE whose source is re-hashed between the workers.</summary>
    MergeRepartition,

    /// <summary>MERGE whose source comes to the coordinator and goes out again.</summary>
    MergePull,
}
