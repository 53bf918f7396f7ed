using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>Finds the table whose rows move in a join that re-hashes one side.</summary>
internal static class RepartitionSide
{
    /// <summary>
    /// The table that is joined by another column than it is distributed by, with one that is joined by its distribution
    /// column; null where both sides are re-hashed, or the text of the query does not say.
    /// </summary>
    public static PlanTable? Of(CitusQueryPlan plan, PlanFacts facts)
    {
        if (plan.Query is null || !plan.Joins.HasFlag(QueryJoins.SingleHashRepartition)
            || plan.Joins.HasFlag(QueryJoins.DualHashRepartition)) return null;
        PlanTable[] moved =
        [
            .. QueryShape.Of(plan.Query).JoinedColumns(facts.Tables)
                .SelectMany(j => new (PlanTable Moves, string By, PlanTable Stays, string Key)[]
                    { (j.Table, j.Column, j.Other, j.OtherColumn), (j.Other, j.OtherColumn, j.Table, j.Column) })
                .Where(j => j.Moves.Kind == TableKind.Distributed && j.Stays.Kind == TableKind.Distributed
                    && j.Key == j.Stays.DistributionColumn && j.By != j.Moves.DistributionColumn)
                .Select(j => j.Moves).DistinctBy(t => t.Oid),
        ];
        return moved is [var only] ? only : null;
    }
}
