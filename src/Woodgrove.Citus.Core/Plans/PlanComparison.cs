using System.Globalization;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Plans;

/// <summary>Two queries' plans side by side.</summary>
/// <param name="LessData">The one that moves less.</param>
/// <param name="ReferenceBytes">What the first moves between nodes, estimated or counted.</param>
/// <param name="DifferenceBytes">What the second moves.</param>
/// <param name="IsMeasured">True where every byte of both was counted rather than estimated.</param>
/// <param name="Reasons">What makes the difference, a sentence each.</param>
public sealed record PlanComparison(
    PlanPreference LessData, long ReferenceBytes, long DifferenceBytes, bool IsMeasured, Listing<string> Reasons,
    CitusQueryPlan Reference, CitusQueryPlan Difference)
{
    public static PlanComparison Of(CitusQueryPlan reference, CitusQueryPlan difference)
    {
        (long first, long second) = (reference.MovedBytes, difference.MovedBytes);
        return new PlanComparison(
            first == second ? PlanPreference.Same : first < second ? PlanPreference.Reference : PlanPreference.Difference,
            first, second, reference.Movements.Concat(difference.Movements).All(m => m.IsMeasured),
            [.. Why(reference, difference)], reference, difference);
    }

    private static IEnumerable<string> Why(CitusQueryPlan reference, CitusQueryPlan difference)
    {
        string? Differ<T>(string what, Func<CitusQueryPlan, T> of) =>
            EqualityComparer<T>.Default.Equals(of(reference), of(difference)) ? null
                : $"{what}: {of(reference)} in the reference query, {of(difference)} in the difference query.";
        foreach (string? reason in new[]
        {
            Differ("Execution", p => p.Execution), Differ("Aggregation", p => p.Aggregation), Differ("Joins", p => p.Joins),
            Differ("Fragments", p => p.TaskCount), Differ("Parts that run before", p => p.Subplans.Count),
        })
        {
            if (reason is not null) yield return reason;
        }
        foreach ((string name, CitusQueryPlan plan) in new[] { ("reference", reference), ("difference", difference) })
        {
            if (plan.Movements.Count == 0) yield return $"The {name} query moves nothing between nodes.";
            foreach (DataMovement movement in plan.Movements.OrderByDescending(m => m.Bytes))
                yield return string.Create(CultureInfo.InvariantCulture,
                    $"The {name} query moves {movement.Bytes:N0} bytes{(movement.IsMeasured ? "" : " (estimated)")} from {movement.From} "
                        + $"to {movement.To}: {movement.Step}.");
        }
    }
}
