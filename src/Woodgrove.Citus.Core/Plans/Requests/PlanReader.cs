using Woodgrove.Citus.Plans.Advice;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Plans.Requests;

/// <summary>Makes a <see cref="CitusQueryPlan"/> of what EXPLAIN printed and what the catalogs say.</summary>
internal sealed class PlanReader(PlanFacts facts)
{
    /// <param name="query">The query as given, or null for a part of one.</param>
    public CitusQueryPlan Read(ExplainDocument document, string? query)
    {
        var view = PlanView.Of(document, facts);
        List<CitusQueryPlan> subplans = [.. view.Scans.SelectMany(s => s.Subplans)
            .Select(s => Read(s.Plan, null) with { ExecutionTime = s.Duration })];
        QueryExecution execution = PlanClassifier.Execution(view);
        var plan = new CitusQueryPlan
        {
            Query = query,
            Execution = execution,
            Aggregation = PlanClassifier.Aggregation(view),
            Joins = PlanClassifier.Joins(view, subplans),
            TaskCount = view.TaskCount,
            Nodes = Nodes(view),
            Fragments = view.Fragments.ToListing(),
            Subplans = subplans,
            CoordinatorPlan = document.Root,
            Movements = [],
            Settings = new PlanSettings(facts.Settings),
            PlanningTime = document.PlanningTime,
            Planning = document.Planning,
            Serialization = document.Serialization,
            ExecutionTime = document.ExecutionTime,
        };
        plan = plan with { Movements = PlanMovements.Of(plan, view).ToListing() };
        plan = plan with { Explanation = PlanExplanation.Of(plan, view).ToListing() };
        // Advice is about the query as a whole; a part's advice joins that of the whole.
        return plan with { Advice = PlanAdvisor.Advise(plan, view).ToListing() };
    }

    private List<QueryNode> Nodes(PlanView view)
    {
        if (view.AreAllTasksShown)
        {
            List<QueryNode> shown = [.. view.Fragments.GroupBy(f => (f.NodeName, f.NodePort)).Select(g => new QueryNode(
                g.Key.NodeName, g.Key.NodePort, g.Count(), Sum(g.Select(f => f.ExecutionTime)), Sum(g.Select(f => f.ReceivedBytes))))];
            // EXPLAIN shows one copy of a reference table; a write goes to all.
            if (view.WritesReferenceTable && view.Fragments[0].Shards is [{ } shard, ..])
                shown.AddRange(facts.Shard(shard.ShardId).Nodes.Where(n => !shown.Exists(s => s.NodeName == n.Name && s.NodePort == n.Port))
                    .Select(n => new QueryNode(n.Name, n.Port, 1, null, null)));
            return shown;
        }
        // One of N fragments is shown: where N is the number of all shards, the catalog knows the nodes.
        if (view.AnchorTable is not { } table || facts.ShardsOf(table).Count() != view.TaskCount) return [];
        return [.. facts.ShardsOf(table).GroupBy(s => s.Nodes[0]).Select(g => new QueryNode(g.Key.Name, g.Key.Port, g.Count(), null, null))
            .OrderBy(n => n.NodeName).ThenBy(n => n.NodePort)];
    }

    private static TimeSpan? Sum(IEnumerable<TimeSpan?> times) =>
        times.All(t => t is not null) ? TimeSpan.FromTicks(times.Sum(t => t!.Value.Ticks)) : null;

    private static long? Sum(IEnumerable<long?> bytes) => bytes.All(b => b is not null) ? bytes.Sum() : null;
}
