using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Plans;

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
