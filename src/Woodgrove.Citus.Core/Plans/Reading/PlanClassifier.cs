using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>Says what kind of plan it is, from the plan's structure and the catalogs alone.</summary>
internal static class PlanClassifier
{
    public static QueryExecution Execution(PlanView view)
    {
        if (view.Transfer is { } transfer)
        {
            bool isMerge = transfer.Provider.StartsWith("Citus MERGE", StringComparison.Ordinal);
            bool isRepartition = transfer.Method == "repartition";
            return isMerge ? (isRepartition ? QueryExecution.MergeRepartition : QueryExecution.MergePull)
                : isRepartition ? QueryExecution.InsertSelectRepartition : QueryExecution.InsertSelectPull;
        }
        if (view.Scans.Count == 0) return QueryExecution.Local;
        if (view.Scans.Any(s => s.DependentJobs.Count > 0)) return QueryExecution.Repartition;

        List<PlanShard> shards = [.. view.Fragments.SelectMany(view.ShardsOf)];
        bool isDistributed = shards.Exists(s => s.Table.IsDistributed);
        if (isDistributed && view.Operation == "Merge") return QueryExecution.MergePushdown;
        if (isDistributed && view.Operation == "Insert" && ReadsTable(view.Fragments[0])) return QueryExecution.InsertSelectPushdown;
        if (view.Scans.Any(s => s.Subplans.Count > 0)) return QueryExecution.PullPush;
        if (view.TaskCount > 1) return QueryExecution.MultiShard;
        return isDistributed || shards.Count == 0 ? QueryExecution.Router
            : shards.Exists(s => s.Table.Kind == TableKind.Reference) ? QueryExecution.Reference
            : QueryExecution.Local;
    }

    public static QueryAggregation Aggregation(PlanView view)
    {
        bool onCoordinator = view.Scans.Count > 0 && view.CoordinatorSteps.Any(IsAggregate);
        // The merge tasks of a repartition join are hidden. An aggregate that the coordinator can't merge from parts
        // stands in its plan under its own name, and then Citus pulls up all rows.
        if (view.Scans.Any(s => s.DependentJobs.Count > 0))
            return !onCoordinator ? QueryAggregation.None : Unmergeable(view).Count > 0 ? QueryAggregation.PulledToCoordinator
                : QueryAggregation.Partial;

        bool onWorkers = view.Fragments.Any(AggregatesItsResult);
        return (onWorkers, onCoordinator) switch
        {
            // What the parts left, or reference tables with them, is aggregated where all of it has been brought to.
            (true, false) when view.CombinesParts => QueryAggregation.PulledToCoordinator,
            (true, true) => QueryAggregation.Partial,
            (false, true) => QueryAggregation.PulledToCoordinator,
            (true, false) => QueryAggregation.Pushdown,
            _ => view.Fragments.Any(f => f.Shards.Count > 0 && AggregatesSomewhere(f)) ? QueryAggregation.Pushdown : QueryAggregation.None,
        };
    }

    public static QueryJoins Joins(PlanView view, IReadOnlyList<CitusQueryPlan> subplans)
    {
        var joins = QueryJoins.None;
        foreach (QueryFragment fragment in view.Fragments)
        {
            if (fragment.Plan is not null) joins |= JoinsIn(fragment.Plan, view.Facts);
        }
        if (joins.HasFlag(QueryJoins.IntermediateResult)
            && subplans.Any(s => s.Execution == QueryExecution.Local && s.CoordinatorPlan.Tree().Any(n => n.RelationName is not null)))
            joins |= QueryJoins.LocalTable;

        List<DependentJob> repartitions = [.. view.Scans.SelectMany(s => s.DependentJobs)];
        if (repartitions.Count == 0) return joins;
        joins |= RepartitionsIn(repartitions);
        // A repartition join takes no subqueries, so every table of the query is joined with the others.
        if (view.Facts.Tables.Any(t => t.Kind == TableKind.Reference)) joins |= QueryJoins.Reference;
        return joins;
    }

    /// <summary>Aggregates of the coordinator's plan that are not the merging of parts.</summary>
    public static IReadOnlyList<string> Unmergeable(PlanView view) =>
        [.. view.CoordinatorSteps.Where(IsAggregate).SelectMany(n => n.Output).SelectMany(Calls)
            .Where(f => view.Facts.Aggregates.Contains(f) && !Merging.Contains(f)).Distinct()];

    /// <summary>The functions that an expression calls.</summary>
    public static IEnumerable<string> Calls(string expression)
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(expression);
        for (int i = 0; i + 1 < tokens.Count; i++)
        {
            if (tokens[i].IsName && tokens[i + 1].Is("(")) yield return tokens[i].Text;
        }
    }

    /// <summary>Aggregates with which Citus merges parts of others, or of themselves.</summary>
    private static readonly HashSet<string> Merging =
    [
        "sum", "min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or", "any_value", "array_cat_agg", "jsonb_cat_agg",
        "json_cat_agg",
        "coord_combine_agg", "hll_union_agg", "hll_add_agg", "topn_union_agg", "tdigest", "sum0", "jsonb_object_agg", "json_object_agg",
    ];

    /// <summary>
    /// Of the aggregates that the coordinator computes over all rows, those for which Citus brings up the rows: one with
    /// ORDER BY, DISTINCT or WITHIN GROUP, or that has no partial form. The others come with them.
    /// </summary>
    public static IReadOnlyList<string> AtFault(PlanView view)
    {
        var faults = new List<string>();
        foreach (string output in view.CoordinatorSteps.Where(IsAggregate).SelectMany(n => n.Output).Distinct())
        {
            IReadOnlyList<SqlToken> tokens = SqlTokens.Read(output);
            for (int i = 0; i + 1 < tokens.Count; i++)
            {
                if (!tokens[i].IsName || !tokens[i + 1].Is("(") || !view.Facts.Aggregates.Contains(tokens[i].Text)) continue;
                int close = SqlTokens.Closing(tokens, i + 1);
                SqlToken[] inside = [.. tokens.Skip(i + 2).Take(close - i - 2)];
                if (inside.Any(t => t.Depth == tokens[i].Depth + 1 && t.Is("order"))) faults.Add($"{tokens[i].Text}(… ORDER BY …)");
                else if (inside is [var first, ..] && first.Is("distinct")) faults.Add($"{tokens[i].Text}(DISTINCT …)");
                else if (!HasPartialForm.Contains(tokens[i].Text)) faults.Add(tokens[i].Text);
            }
        }
        return [.. faults.Distinct()];
    }

    private static readonly HashSet<string> HasPartialForm =
    [
        "count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or", "any_value",
        "array_agg", "jsonb_agg", "json_agg", "jsonb_object_agg", "json_object_agg",
    ];

    public static bool IsAggregate(PlanNode node) => node.NodeType is "Aggregate" or "Unique" or "Group";

    private static bool ReadsTable(QueryFragment fragment) =>
        fragment.Plan!.Tree().Any(n => n.NodeType != "ModifyTable" && (n.RelationName is not null || IsIntermediateResult(n)));

    /// <summary>
    /// True where the fragment's own SELECT groups, and not only a subquery in it: by its GROUP BY or DISTINCT outside
    /// all parentheses, or by a step for all rows on top of the plan.
    /// </summary>
    private static bool AggregatesItsResult(QueryFragment fragment)
    {
        IReadOnlyList<SqlToken> sql = SqlTokens.Read(fragment.Sql);
        for (int i = 0; i + 1 < sql.Count; i++)
        {
            if (sql[i].Depth == 0 && ((sql[i].Is("group") && sql[i + 1].Is("by")) || (sql[i].Is("select") && sql[i + 1].Is("distinct"))))
                return true;
        }
        for (PlanNode? node = fragment.Plan; node is not null
            && node.NodeType != "Subquery Scan"; node = node.Children.Count == 1 ? node.Children[0] : null)
        {
            if (IsAggregate(node)) return node.Strategy == "Plain";
            if (IsMinMax(node, fragment)) return true;
        }
        return false;
    }

    /// <summary>min and max of an indexed column: PostgreSQL puts a Limit over the index in the aggregate's place.</summary>
    private static bool IsMinMax(PlanNode node, QueryFragment fragment) =>
        node.NodeType == "Result" && node.Children.Any(c => c.ParentRelationship == "InitPlan" && c.NodeType == "Limit")
            && Calls(fragment.Sql).Any(f => f is "min" or "max");

    /// <summary>Not by the plan alone: PostgreSQL also makes an Aggregate of an IN whose values it wants distinct.</summary>
    private static bool AggregatesSomewhere(QueryFragment fragment)
    {
        IReadOnlyList<SqlToken> sql = SqlTokens.Read(fragment.Sql);
        return fragment.Plan?.Tree().Any(n => (IsAggregate(n) && n.Strategy == "Plain") || IsMinMax(n, fragment)) == true
            || Enumerable.Range(0, Math.Max(0, sql.Count - 1))
                .Any(i => (sql[i].Is("group") && sql[i + 1].Is("by")) || (sql[i].Is("select") && sql[i + 1].Is("distinct")));
    }

    private static bool IsIntermediateResult(PlanNode node) =>
        node.FunctionName is "read_intermediate_result" or "read_intermediate_results";

    private static QueryJoins RepartitionsIn(IReadOnlyList<DependentJob> jobs)
    {
        QueryJoins joins = jobs.Count switch { 0 => QueryJoins.None, 1 => QueryJoins.SingleHashRepartition,
            _ => QueryJoins.DualHashRepartition };
        return jobs.Aggregate(joins, (all, job) => all | RepartitionsIn(job.Before));
    }

    private static QueryJoins JoinsIn(PlanNode node, PlanFacts facts)
    {
        QueryJoins joins = node.Children.Aggregate(QueryJoins.None, (all, child) => all | JoinsIn(child, facts));
        List<Leaf[]> sides = Sides(node, facts);
        for (int left = 0; left < sides.Count; left++)
        {
            for (int right = left + 1; right < sides.Count; right++) joins |= Between(sides[left], sides[right]);
        }
        return joins;
    }

    /// <summary>What a node brings together: the inputs of a join, and whatever its expressions ask on the side.</summary>
    private static List<Leaf[]> Sides(PlanNode node, PlanFacts facts)
    {
        bool isJoin = node.NodeType is "Nested Loop" or "Hash Join" or "Merge Join";
        var sides = new List<Leaf[]>();
        // Where min and max are read from an index, each is a part of its own, of the same table.
        if (node.NodeType == "Result" && node.Children.All(c => c is { ParentRelationship: "InitPlan", NodeType: "Limit" })
            && node.Tree().Select(n => n.RelationName).OfType<string>().Distinct().Count() < 2) return sides;
        List<PlanNode> inputs = [.. node.Children.Where(c => c.ParentRelationship is not ("InitPlan" or "SubPlan"))];
        if (isJoin) sides.AddRange(inputs.Select(c => Leaves(c, facts)));
        else sides.Add([.. Own(node, facts), .. inputs.SelectMany(c => Leaves(c, facts))]);
        sides.AddRange(node.Children.Where(c => c.ParentRelationship is "InitPlan" or "SubPlan").Select(c => Leaves(c, facts)));
        return sides;
    }

    private static Leaf[] Leaves(PlanNode node, PlanFacts facts) => [.. node.Tree().SelectMany(n => Own(n, facts)).Distinct()];

    private static IEnumerable<Leaf> Own(PlanNode node, PlanFacts facts)
    {
        if (IsIntermediateResult(node)) yield return Leaf.IntermediateResult;
        // The target of an INSERT is written, not joined; that of the others shows up as a scan.
        if (node.RelationName is null || node.NodeType == "ModifyTable") yield break;
        yield return facts.FindShard(node.RelationName)?.Table.Kind switch
        {
            TableKind.Distributed or TableKind.Schema or TableKind.SingleShard => Leaf.Distributed,
            TableKind.Reference => Leaf.Reference,
            _ => Leaf.Local,
        };
    }

    private static QueryJoins Between(Leaf[] left, Leaf[] right)
    {
        if (left.Length == 0 || right.Length == 0) return QueryJoins.None;
        var joins = QueryJoins.None;
        if (left.Contains(Leaf.Distributed) && right.Contains(Leaf.Distributed)) joins |= QueryJoins.Colocated;
        if (left.Contains(Leaf.Reference) || right.Contains(Leaf.Reference)) joins |= QueryJoins.Reference;
        if (left.Contains(Leaf.IntermediateResult) || right.Contains(Leaf.IntermediateResult)) joins |= QueryJoins.IntermediateResult;
        if (left.Contains(Leaf.Local) || right.Contains(Leaf.Local)) joins |= QueryJoins.LocalTable;
        return joins;
    }

    private enum Leaf
    {
        Distributed,
        Reference,
        Local,
        IntermediateResult,
    }
}
