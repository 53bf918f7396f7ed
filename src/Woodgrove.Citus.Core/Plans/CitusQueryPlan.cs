using Woodgrove.Citus.Tables;

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

/// <summary>A query's plan, and what it means on this cluster.</summary>
public sealed record CitusQueryPlan
{
    /// <summary>The query as given; null for a part, which Citus shows as fragments only.</summary>
    public string? Query { get; init; }

    public required QueryExecution Execution { get; init; }
    public required QueryAggregation Aggregation { get; init; }
    public required QueryJoins Joins { get; init; }

    /// <summary>Fragments that run on nodes; 0 where the query is local.</summary>
    public required int TaskCount { get; init; }

    /// <summary>The nodes that take part; empty where Citus does not tell (a repartition join).</summary>
    public required Listing<QueryNode> Nodes { get; init; }

    /// <summary>The fragments that EXPLAIN showed: one, or all with -AllTasks or -Analyze; none of a repartition join.</summary>
    public required Listing<QueryFragment> Fragments { get; init; }

    /// <summary>Parts that run before, in their order.</summary>
    public required Listing<CitusQueryPlan> Subplans { get; init; }

    /// <summary>The plan of the coordinator, down to where it asks the workers.</summary>
    public required PlanNode CoordinatorPlan { get; init; }

    /// <summary>What travels between nodes.</summary>
    public required Listing<DataMovement> Movements { get; init; }

    /// <summary>The sum of <see cref="Movements"/> in bytes: as estimated, or with -Analyze as counted where Citus counts.</summary>
    public long MovedBytes => Movements.Sum(m => m.Bytes);

    /// <summary>Whether <see cref="MovedBytes"/> was counted while the query ran; false where a part of it, or all, is estimated.</summary>
    public bool IsMovedMeasured => Movements.Count > 0 && Movements.All(m => m.IsMeasured);

    /// <summary>The settings that steer Citus's planner, as they were for this query.</summary>
    public PlanSettings Settings { get; init; } = new(new Dictionary<string, string>());

    /// <summary>What happens, a sentence a step, in the order of the steps.</summary>
    public Listing<string> Explanation { get; init; } = [];

    public Listing<PlanAdvice> Advice { get; init; } = [];

    /// <summary>True where the query was run.</summary>
    public bool IsAnalyzed => ExecutionTime is not null;

    public TimeSpan? PlanningTime { get; init; }

    /// <summary>The memory and pages that planning took on the coordinator; null where the server did not say.</summary>
    public PlanPlanning? Planning { get; init; }

    /// <summary>What writing the result for the client took; only with -Analyze on PostgreSQL 17 and later.</summary>
    public PlanSerialization? Serialization { get; init; }

    /// <summary>Of the whole query; of a part, until its result had been sent. Null where the query was not run.</summary>
    public TimeSpan? ExecutionTime { get; init; }

    public override string ToString() => $"{Execution}, {TaskCount} {(TaskCount == 1 ? "task" : "tasks")}";
}

/// <summary>A node that takes part in a query; times and bytes only with -Analyze.</summary>
/// <param name="TaskCount">Fragments shown that run on it.</param>
/// <param name="ExecutionTime">The sum over its fragments.</param>
/// <param name="ReceivedBytes">What came back from it, as Citus rounds it.</param>
public sealed record QueryNode(string NodeName, int NodePort, int TaskCount, TimeSpan? ExecutionTime, long? ReceivedBytes)
{
    public override string ToString() => $"{NodeName}:{NodePort}";
}

/// <summary>What one node runs for a query.</summary>
/// <param name="ShardId">The first shard of a distributed table in it, else of a reference table; null where it reads no shard.</param>
/// <param name="Table">That shard's table.</param>
/// <param name="Sql">The SQL that the node is sent, with shards in place of tables.</param>
/// <param name="Plan">The node's own plan.</param>
/// <param name="Shards">All shards that it names.</param>
/// <param name="ReceivedBytes">What came back, as Citus rounds it; only with -Analyze.</param>
public sealed record QueryFragment(
    long? ShardId, string? Table, string NodeName, int NodePort, string Sql, PlanNode? Plan,
    Listing<FragmentShard> Shards, TimeSpan? ExecutionTime, long? ReceivedBytes)
{
    /// <summary>The memory and pages that planning took on the node; null where the server did not say.</summary>
    public PlanPlanning? Planning { get; init; }
}

/// <summary>A shard that a fragment names.</summary>
public sealed record FragmentShard(long ShardId, string ShardName, string Table)
{
    public override string ToString() => ShardName;
}

/// <summary>How much an advice weighs.</summary>
public enum AdviceSeverity
{
    Information,
    Warning,
}

/// <summary>What could be better about a query or its tables.</summary>
/// <param name="Code">Stable across releases; scripts may compare it.</param>
/// <param name="Fix">SQL or a cmdlet line to run, or to fill in.</param>
public sealed record PlanAdvice(string Code, AdviceSeverity Severity, string Message, string Fix)
{
    public override string ToString() => $"{Code}: {Message}";
}
