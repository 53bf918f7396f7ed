using System.Globalization;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Advice;

/// <summary>Tells a plan in sentences, in the order in which things happen.</summary>
internal sealed class PlanExplanation
{
    private readonly CitusQueryPlan _plan;
    private readonly PlanView _view;
    private readonly List<string> _sentences = [];

    private PlanExplanation(CitusQueryPlan plan, PlanView view) => (_plan, _view) = (plan, view);

    public static IReadOnlyList<string> Of(CitusQueryPlan plan, PlanView view)
    {
        var explanation = new PlanExplanation(plan, view);
        explanation.TellParts();
        if (plan.TaskCount == 0 && view.Scans.Count == 0) explanation.TellLocal();
        else
        {
            explanation.TellShards();
            explanation.TellJoins();
            explanation.TellWorkers();
            explanation.TellReturn();
            explanation.TellCoordinator();
        }
        explanation.TellTransfer();
        return explanation._sentences;
    }

    private void Say(string sentence) => _sentences.Add(sentence);

    private void TellParts()
    {
        for (int i = 0; i < _plan.Subplans.Count; i++)
        {
            CitusQueryPlan part = _plan.Subplans[i];
            foreach (string sentence in part.Explanation) Say($"Part {i + 1}, before the rest: {sentence}");
            DataMovement? copies = _plan.Movements.FirstOrDefault(m => m.Kind == DataMovementKind.IntermediateResult && m.Part == i + 1);
            Say(copies is null
                ? $"The result of part {i + 1} stays on the coordinator as an intermediate result."
                : $"The result of part {i + 1} is copied from the coordinator to {copies.To} as an intermediate result ({Bytes(copies)} "
                    + "in all).");
        }
    }

    private void TellLocal()
    {
        if (!_view.Facts.IsCitus)
            Say("This server is plain PostgreSQL: it runs the query by itself, on one machine, and has no shards or fragments to show.");
        else if (_view.Coordinator.Tree().Any(n => n.RelationName is not null))
            Say("The query reads only tables that the node one is connected to has for itself, so it runs there as in plain PostgreSQL.");
        else Say("The query reads no table, so the node one is connected to answers it by itself.");
    }

    private void TellShards()
    {
        PlanTable? table = _view.AnchorTable;
        int shards = table is null ? 0 : _view.Facts.ShardsOf(table).Count();
        QueryFragment? first = _view.Fragments.Count > 0 ? _view.Fragments[0] : null;
        if (_plan.Execution == QueryExecution.Repartition) TellRepartition();
        else if (first is null) Say("No shard can hold such rows, so no worker is asked.");
        else if (table is null && _plan.Subplans.Count > 0 && _plan.Transfer() is not null)
            Say("The coordinator takes the rows from the results of the parts.");
        else if (table is null && _plan.Subplans.Count > 0)
            Say("The results of the parts are combined on the coordinator alone; no shard is asked again.");
        else if (table is null && IntermediateResults.ReadBy(first) is { Count: > 0 } parts)
            Say($"It reads only {parts.Named}, which the coordinator has, so no shard is asked.");
        else if (table is null && !SqlTokens.Read(first.Sql).Any(t => t.Is("from")))
            Say($"The function is distributed, and its call is passed unchanged to {Node(first)}, which has the rows of its argument; "
                + "in a transaction, the coordinator runs it.");
        else if (table is null && first.Plan?.Tree().Any(n => n.RelationName is not null) != false)
            Say($"{Count(_plan.TaskCount, "fragment")} run{OnNodes()}.");
        else if (table is null) Say($"The condition can hold for no row, so no shard is read; {Node(first)} answers for an empty input.");
        else if (table.Kind == TableKind.Reference) TellReference(table, first);
        else if (table.Kind == TableKind.Schema)
            Say($"All of {table.Display} lies in one shard, because it belongs to a distributed schema: "
                + $"{first.Shards[0]} on {Node(first)}.");
        else if (table.Kind == TableKind.SingleShard)
            Say($"All of {table.Display} lies in one shard, because it is distributed without a column: "
                + $"{first.Shards[0]} on {Node(first)}.");
        else if (table.Kind == TableKind.Local)
            Say($"{table.Display} is a local table on the coordinator that Citus keeps in its metadata; {Node(first)} runs the query.");
        else if (shards == 1) Say($"{table.Display} has one shard, {ShardName(first)} on {Node(first)}, which holds all its rows.");
        else if (_plan.TaskCount == 1)
            Say($"{table.Display} is distributed by {table.DistributionColumn}, and the filter selects one shard of {shards}: "
                + $"{ShardName(first)} on {Node(first)}.");
        else if (_view.AsksForNullKey)
            Say($"All {Count(shards, "shard")} of {table.Display}{OnNodes()} are asked, and none has such a row: "
                + $"{table.DistributionColumn} is the distribution column, in which Citus lets no row be NULL.");
        else if (_plan.TaskCount < shards)
            Say($"{table.Display} is distributed by {table.DistributionColumn}, and the filter selects "
                + $"{_plan.TaskCount} of {Count(shards, "shard")}{OnNodes()}.");
        else
            Say($"All {Count(shards, "shard")} of {table.Display}{OnNodes()} are asked at once, "
                + $"because the query does not set {table.DistributionColumn} equal to a "
                + $"value{(_plan.Subplans.Count > 0 ? " that is known when it is planned" : "")}.");
    }

    private void TellReference(PlanTable table, QueryFragment first) => Say(_view.WritesReferenceTable
        ? $"{table.Display} is a reference table: the change is made to its copy on every node ({string.Join(", ", _plan.Nodes)}), "
            + "in one transaction."
        : _view.CombinesParts ? $"{table.Display} is a reference table, of which every node has a copy: "
            + $"{Node(first)} alone reads its own, together with the results of the parts; no shard is asked again."
        : $"{table.Display} is a reference table, of which every node has a copy: {Node(first)} answers alone.");

    private void TellRepartition()
    {
        string tables = string.Join(" and ",
            _view.Facts.Distributed.Select(t => t.DistributionColumn is null ? $"{t.Display} (whole, on one node)"
                : $"{t.Display} (distributed by {t.DistributionColumn})"));
        Say($"{(tables.Length == 0 ? "The tables" : tables)} are not joined by the columns that both are distributed by, "
            + "so rows that belong together are on different nodes.");
        foreach (DependentJob job in _view.Scans.SelectMany(s => s.DependentJobs).SelectMany(InOrder))
            Say($"{Count(job.MapTaskCount, "task")} "
                + $"{(job.MapTaskCount == 1 ? "reads the shard of one side and hashes" : "read the shards of one side and hash")} its "
                + $"rows by the join's column; the workers exchange them, into {Count(job.MergeTaskCount, "bucket")}.");
    }

    private static IEnumerable<DependentJob> InOrder(DependentJob job) => job.Before.SelectMany(InOrder).Append(job);

    private void TellJoins()
    {
        if (_plan.Joins.HasFlag(QueryJoins.Colocated))
            Say(_view.AnchorTable is { DistributionColumn: null } whole
                ? $"{whole.Display} and what it is joined with lie on that node, so no row travels for the join."
                : "The tables are joined shard by shard on their node: equal distribution values lie in shards that are colocated, "
                    + "so no row travels for the join.");
        if (_plan.Joins.HasFlag(QueryJoins.Reference) && !_view.CombinesParts)
            Say("The reference table is joined on the spot: every node has a copy of it.");
        if (_plan.Joins.HasFlag(QueryJoins.IntermediateResult) && !_view.CombinesParts)
            Say("Each fragment joins the copy of the intermediate result that its node was sent.");
        if (_plan.Joins.HasFlag(QueryJoins.SingleHashRepartition) && !_plan.Joins.HasFlag(QueryJoins.DualHashRepartition)) 
        {
            Say(RepartitionSide.Of(_plan, _view.Facts) is { } moved
                ? $"Single repartition: only the rows of {moved.Display} are re-hashed and moved; the other side stays where it is."
                : "Single repartition: one side stays where it is; only the other is re-hashed to fit its shards.");
        }
        if (_plan.Joins.HasFlag(QueryJoins.DualHashRepartition))
            Say("Dual repartition: the rows of both sides are moved, because neither is distributed by the join's column.");

        if (_plan.Joins.HasFlag(QueryJoins.LocalTable) && !_plan.Joins.HasFlag(QueryJoins.IntermediateResult))
            Say("The local table is joined on the coordinator, which is the only node that has it.");
    }

    private void TellWorkers()
    {
        if (_view.Fragments.Count == 0)
        {
            if (_plan.Execution == QueryExecution.Repartition)
                Say($"{Count(_plan.TaskCount, "task")} then join their buckets, "
                    + $"and {(_plan.Aggregation == QueryAggregation.Partial ? "each aggregates its part" : "select from them")}; "
                    + "EXPLAIN does not show them.");
            return;
        }
        QueryFragment first = _view.Fragments[0];
        if (first.Plan is null && _view.AnchorTable is not null)
            Say($"{Node(first)} gave no plan of its own, so what it does and returns is not known: see whether it runs, "
                + "and whether the coordinator may connect to it as this role.");
        if (first.Plan is null || (_view.AnchorTable is null && _plan.Subplans.Count == 0)) return;
        string steps = string.Join(", then ",
            first.Plan.Tree().Where(n => (n.ParentRelationship is not ("InitPlan" or "SubPlan") || n.Operation is not null)
                && n.NodeType is not ("Hash" or "Materialize" or "Memoize" or "Subquery Scan" or "Bitmap Index Scan"))
            .Reverse().Select(n => n.Operation is null ? n.ToString() : $"{n.Operation} {n.RelationName}"));
        string who = _view.Facts.IsCoordinator(first.NodeName, first.NodePort) ? "The coordinator" : "The worker";
        Say(_plan.TaskCount == 1 ? $"{who} runs: {steps}." : _view.AreAllTasksShown
            ? $"Each of {Count(_plan.TaskCount, "fragment")} runs on its own shard, the first as: {steps}."
            : $"Each of {Count(_plan.TaskCount, "fragment")} runs on its own shard; the one that EXPLAIN shows does: {steps}.");
        bool isDistributed = _view.Fragments.SelectMany(_view.ShardsOf).Any(s => s.Table.IsDistributed);
        if (_plan.Aggregation == QueryAggregation.Pushdown)
            Say(isDistributed ? "Groups are finished on the workers: no group spans two shards."
                : $"{who} has all rows, and groups and aggregates them alone.");
        if (_plan.Aggregation == QueryAggregation.Partial)
            Say("Each fragment aggregates its own rows to partial results, one row a group.");
        if (_plan.Aggregation == QueryAggregation.PulledToCoordinator && _view.CombinesParts)
            Say($"{who} groups and aggregates alone, over all rows that the parts brought to it.");
        else if (_plan.Aggregation == QueryAggregation.PulledToCoordinator && PlanClassifier.AtFault(_view) is { Count: > 0 } faults)
            Say($"{string.Join(" and ", faults)} can't be merged from parts, so the fragments return every row that goes into the "
                + "aggregates.");
        else if (_plan.Aggregation == QueryAggregation.PulledToCoordinator && _view.AnchorTable is not null)
            Say("The aggregate can't be merged from parts, so the fragments return every row that goes into it.");
    }

    private void TellReturn()
    {
        if (_plan.Execution is QueryExecution.InsertSelectRepartition or QueryExecution.MergeRepartition) return;
        DataMovement? back = _plan.Movements.LastOrDefault(m => m is { Kind: DataMovementKind.FragmentResult, Part: null });
        if (back is not null && back.Bytes > 0) Say($"The coordinator receives {Bytes(back)} from {back.From}.");
        else if (_view.Operation is not null) Say("Only the number of rows comes back.");
    }

    private void TellCoordinator()
    {
        List<PlanNode> steps = [.. _view.CoordinatorSteps.Where(n => n.NodeType is not ("Result" or "Hash" or "Materialize"
            or "Subquery Scan")).Reverse()];
        if (_plan.Execution is QueryExecution.InsertSelectRepartition or QueryExecution.MergeRepartition) return;
        if (steps.Count > 0) Say($"The coordinator {string.Join(", then ", steps.Select(Step).Distinct())}.");
        else if (_plan.TaskCount == 1 && _view.Operation is null && _plan.Transfer() is null)
            Say("The coordinator passes the answer on unchanged.");
        else if (_view.Operation is null && _plan.Transfer() is null)
            Say("The coordinator only puts the fragments' rows one after the other.");
    }

    private void TellTransfer()
    {
        PlanTable? table = _plan.Target(_view.Facts);
        string target = table?.Display ?? "the target";
        string? sentence = _plan.Transfer() switch
        {
            true => $"The rows are hashed on the workers by the distribution column of {target} and go from worker to worker to its "
                + "shards; the coordinator sees none of them.",
            false => "The coordinator sends the rows out again, "
                + $"to {(table?.Kind == TableKind.Reference ? $"the copy of {target} on every node" : $"the shards of {target}")}.",
            _ => null,
        };
        if (sentence is not null) Say(sentence);
        if (CreateTableAs.Of(_plan.Query) is { } created && _view.Facts.IsCitus)
            Say($"{created.Name} becomes a local table of the node one is connected to, which stores the rows: "
                + "CREATE TABLE AS distributes nothing.");
    }

    private string Step(PlanNode node) => node.NodeType switch
    {
        "Aggregate" or "Group" when _plan.Aggregation == QueryAggregation.Partial => "merges the partial aggregates",
        "Aggregate" or "Group" => "groups and aggregates all rows",
        "Unique" => "removes duplicates",
        "Sort" or "Incremental Sort" => "sorts",
        "Limit" => "keeps the first rows",
        "WindowAgg" => "computes the window functions over all rows",
        "ModifyTable" => $"writes to {node.RelationName}",
        _ => $"runs {node}",
    };

    private string OnNodes() => _plan.Nodes.Count == 0 ? "" : $", on {Count(_plan.Nodes.Count, "node")} ({string.Join(", ", _plan.Nodes)})";

    private static string ShardName(QueryFragment fragment) => fragment.Shards.First(s => s.ShardId == fragment.ShardId).ShardName;

    private static string Node(QueryFragment fragment) => $"{fragment.NodeName}:{fragment.NodePort}";

    private static string Bytes(DataMovement movement) =>
        (movement.IsMeasured ? "" : "about ") + movement.Bytes.ToString("N0", CultureInfo.InvariantCulture) + " bytes"
            + (movement.IsMeasured ? "" : " as estimated");

    private static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";
}
