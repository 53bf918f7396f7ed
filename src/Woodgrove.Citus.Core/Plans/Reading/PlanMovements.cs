using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>Lists what a plan sends between nodes.</summary>
/// <remarks>
/// An estimate is the planner's rows times its width, of the fragment shown times the number of fragments. With ANALYZE
/// Citus counts the bytes that come back and the size of intermediate results, and nothing else.
/// </remarks>
internal static class PlanMovements
{
    public static IReadOnlyList<DataMovement> Of(CitusQueryPlan plan, PlanView view)
    {
        var movements = new List<DataMovement>();
        for (int i = 0; i < plan.Subplans.Count; i++)
        {
            CitusQueryPlan part = plan.Subplans[i];
            movements.AddRange(part.Movements.Select(m => m with { Step = $"Part {i + 1}: {m.Step}", Part = i + 1 }));
            int copies = plan.Nodes.Count(n => !view.Facts.IsCoordinator(n.NodeName, n.NodePort));
            if (copies == 0) continue;
            long? sent = view.Scans.SelectMany(s => s.Subplans).ElementAt(i).SentBytes;
            movements.Add(new DataMovement($"The result of part {i + 1}, copied to each node that joins it", "coordinator",
                Count(copies, "node"),
                (sent ?? ResultBytes(part)) * copies, sent is not null) { Kind = DataMovementKind.IntermediateResult, Part = i + 1 });
        }
        if (plan.Execution == QueryExecution.Repartition) movements.Add(Repartition(plan, view));

        long pulled = Pulled(view);
        bool isMeasured = view.Scans.Count > 0 && view.Scans.All(s => s.ReceivedBytes is not null);
        if (plan.Execution is QueryExecution.InsertSelectRepartition or QueryExecution.MergeRepartition)
        {
            movements.Add(new DataMovement("Rows, re-hashed for the target's shards", "workers", "workers", pulled, false)
                { Kind = DataMovementKind.RowsToTarget });
            return movements;
        }
        if (pulled > 0 || (isMeasured && plan.Nodes.Any(n => !view.Facts.IsCoordinator(n.NodeName, n.NodePort))))
        {
            movements.Add(new DataMovement("What the fragments return", Count(plan.TaskCount, "fragment"), "coordinator", pulled,
                isMeasured)
            {
                Kind = DataMovementKind.FragmentResult,
            });
        }
        if (plan.Execution is QueryExecution.InsertSelectPull or QueryExecution.MergePull)
        {
            movements.Add(new DataMovement("Rows, sent on to the target's shards", "coordinator", "workers",
                ResultBytes(view.Coordinator, Returned(plan)), false) { Kind = DataMovementKind.RowsToTarget });
        }
        return movements;
    }

    private static long ResultBytes(CitusQueryPlan part)
    {
        long pulled = part.Movements.Where(m => m is { Kind: DataMovementKind.FragmentResult, Part: null }).Sum(m => m.Bytes);
        return ResultBytes(part.CoordinatorPlan, pulled > 0 ? pulled : Returned(part));
    }

    /// <summary>Citus's own scan says 100,000 rows whatever it reads, so what the fragments return bounds the result.</summary>
    private static long ResultBytes(PlanNode root, long returned)
    {
        if (root.Distributed is not null) return returned;
        long planned = root.Rows * root.Width;
        return root.Tree().Any(n => n.Distributed is not null) ? Math.Min(planned, returned) : planned;
    }

    /// <summary>What the fragments return as estimated, on whatever node they run.</summary>
    private static long Returned(CitusQueryPlan plan) =>
        plan.Fragments.Count == 0 ? 0 : plan.Fragments.Sum(f => Bytes(f.Plan)) * plan.TaskCount / plan.Fragments.Count;

    private static long Pulled(PlanView view)
    {
        long bytes = 0;
        foreach (DistributedQuery scan in view.Scans)
        {
            List<ExplainTask> away = [.. scan.Tasks.Where(t => !view.Facts.IsCoordinator(t.NodeName, t.NodePort) && t.Plan is not null)];
            if (away.Count == 0 && scan.Tasks.Count > 0) continue;
            if (scan.ReceivedBytes is { } counted) bytes += counted;
            else if (scan.Tasks.Count > 0 && !view.AsksForNullKey)
                bytes += away.Sum(t => Bytes(t.Plan)) * scan.TaskCount / scan.Tasks.Count;
        }
        return bytes;
    }

    private static long Bytes(PlanNode? plan) => plan is null ? 0 : plan.Rows * plan.Width;

    /// <summary>EXPLAIN tells nothing of it; the tables' sizes bound it from above.</summary>
    private static DataMovement Repartition(CitusQueryPlan plan, PlanView view)
    {
        bool both = plan.Joins.HasFlag(QueryJoins.DualHashRepartition);
        PlanTable? moved = RepartitionSide.Of(plan, view.Facts);
        List<long> sizes = [.. view.Facts.Tables.Where(t => t.Kind == TableKind.Distributed).Select(t => t.SizeBytes ?? 0)];
        long bytes = moved?.SizeBytes ?? (sizes.Count == 0 ? 0 : both ? sizes.Sum() : sizes.Max());
        return new DataMovement(
            both ? "Rows of both sides, re-hashed by the join's column; at most the tables' size"
            : $"Rows of {moved?.Display ?? "one side"}, re-hashed by the other's distribution column; at most the table's size",
            "workers", "workers", bytes, false) { Kind = DataMovementKind.Repartition };
    }

    private static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";
}
