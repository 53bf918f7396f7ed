namespace Woodgrove.Citus.Comparison;

/// <summary>What comparisons of all tables warn of.</summary>
internal static class ComparisonWarnings
{
    public static string OnlyInTarget(IReadOnlyCollection<string> tables) =>
        $"Only the target has {string.Join(", ", tables.Take(20))}{(tables.Count > 20 ? $" and {tables.Count - 20} more tables" : "")}: "
            + "what the source does not have is not compared.";
}
