using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>An EXPLAIN laid open: the coordinator's steps, its scans of workers, and their fragments with shards found.</summary>
internal sealed record PlanView
{
    public required PlanFacts Facts { get; init; }
    public required ExplainDocument Document { get; init; }

    /// <summary>The plan on the coordinator; of INSERT … SELECT that isn't pushed down, that of its source.</summary>
    public required PlanNode Coordinator { get; init; }

    /// <summary>How INSERT … SELECT or MERGE moves its rows where it isn't pushed down.</summary>
    public required (string Provider, string Method)? Transfer { get; init; }

    public required IReadOnlyList<DistributedQuery> Scans { get; init; }
    public required IReadOnlyList<QueryFragment> Fragments { get; init; }

    public int TaskCount => Scans.Sum(s => s.TaskCount);

    public bool AreAllTasksShown => Fragments.Count == TaskCount;

    /// <summary>The steps of the coordinator above what comes from the workers, the last first.</summary>
    public IEnumerable<PlanNode> CoordinatorSteps => Coordinator.Tree().Where(n => n.Distributed is null);

    /// <summary>The table whose shards the fragments go by.</summary>
    public PlanTable? AnchorTable => Fragments.Count > 0 && Fragments[0].ShardId is { } id ? Facts.Shard(id).Table : null;

    /// <summary>What a fragment writes: Insert, Update, Delete or Merge.</summary>
    public string? Operation =>
        Fragments.Count > 0 ? Fragments[0].Plan?.Tree().FirstOrDefault(n => n.NodeType == "ModifyTable")?.Operation : null;

    public bool WritesReferenceTable =>
        Operation is not null && Fragments.All(f => f.Shards.Count > 0 && ShardsOf(f).All(s => s.Table.Kind == TableKind.Reference));

    /// <summary>
    /// No fragment reads a shard of a distributed table: what the parts left is combined on one node, as a rule the
    /// coordinator.
    /// </summary>
    public bool CombinesParts => Scans.Any(s => s.Subplans.Count > 0) && !Fragments.SelectMany(ShardsOf).Any(s => s.Table.IsDistributed);

    /// <summary>Every fragment looks for rows whose distribution column is NULL; Citus lets no table have one.</summary>
    public bool AsksForNullKey => Fragments.Count > 0 && Fragments.All(f => ScanConditions.Of(f, Facts).Any(s => s.IsNullKey));

    public IEnumerable<PlanShard> ShardsOf(QueryFragment fragment) => fragment.Shards.Select(s => Facts.Shard(s.ShardId));

    public static PlanView Of(ExplainDocument document, PlanFacts facts)
    {
        PlanNode? writer = document.Root.Tree().FirstOrDefault(n => n.Source is not null);
        PlanNode coordinator = writer?.Source!.Value.Source ?? document.Root;
        List<DistributedQuery> scans = [.. coordinator.Tree().Where(n => n.Distributed is not null).Select(n => n.Distributed!)];
        return new PlanView
        {
            Facts = facts,
            Document = document,
            Coordinator = coordinator,
            Transfer = writer is null ? null : (writer.Provider ?? "", writer.Source!.Value.Method),
            Scans = scans,
            Fragments = [.. scans.SelectMany(s => s.Tasks).Select(t => Fragment(t, facts))],
        };
    }

    private static QueryFragment Fragment(ExplainTask task, PlanFacts facts)
    {
        List<PlanShard> shards = [.. SqlTokens.Read(task.Sql).Where(t => t.IsName).Select(t => facts.FindShard(t.Text)).OfType<PlanShard>()
            .Distinct()];
        PlanShard? anchor = shards.Find(s => s.Table.IsDistributed) ?? shards.FirstOrDefault();
        // A node that the coordinator could not ask is missing in what EXPLAIN shows; the catalogs have it.
        (string node, int port) = task.NodeName.Length == 0 && anchor is not null ? anchor.Nodes[0] : (task.NodeName, task.NodePort);
        return new QueryFragment(anchor?.ShardId, anchor?.Table.Display, node, port, task.Sql, task.Plan,
            [.. shards.Select(s => new FragmentShard(s.ShardId, s.Name, s.Table.Display))], task.ExecutionTime, task.ReceivedBytes)
                { Planning = task.Planning };
    }
}
