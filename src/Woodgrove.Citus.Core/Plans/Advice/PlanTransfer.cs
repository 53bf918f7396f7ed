using Woodgrove.Citus.Plans.Reading;

namespace Woodgrove.Citus.Plans.Advice;

internal static class PlanTransfer
{
    /// <summary>True where rows go from worker to worker, false where they pass the coordinator, null where nothing is re-sent.</summary>
    public static bool? Transfer(this CitusQueryPlan plan) => plan.Execution switch
    {
        QueryExecution.InsertSelectRepartition or QueryExecution.MergeRepartition => true,
        QueryExecution.InsertSelectPull or QueryExecution.MergePull => false,
        _ => null,
    };

    /// <summary>The table that the query writes to; where a CTE writes too, that of the statement itself.</summary>
    public static PlanTable? Target(this CitusQueryPlan plan, PlanFacts facts)
    {
        PlanTable[] targets = [.. facts.Tables.Where(t => t.IsTarget)];
        return (targets.Length > 1 && plan.Query is not null ? QueryShape.Of(plan.Query).Written(targets) : null)
            ?? targets.FirstOrDefault();
    }
}
