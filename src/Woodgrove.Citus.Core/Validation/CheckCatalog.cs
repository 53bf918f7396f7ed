using System.Text.RegularExpressions;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation;

/// <summary>The checks that there are.</summary>
public static class CheckCatalog
{
    internal static IReadOnlyList<CitusCheck> All { get; } =
        [.. typeof(CitusCheck).Assembly.GetTypes().Where(t => t.IsSealed && t.IsSubclassOf(typeof(CitusCheck)))
            .Select(t => (CitusCheck)Activator.CreateInstance(t)!).OrderBy(c => c.Category).ThenBy(c => c.Name, StringComparer.Ordinal)];

    public static IReadOnlyList<string> Names => [.. All.Select(c => c.Name)];

    /// <summary>The checks of these names, in which <c>*</c> and <c>?</c> are wildcards; all where none is given.</summary>
    /// <exception cref="CitusException">A name is that of no check.</exception>
    public static IReadOnlyList<CheckInfo> Find(IReadOnlyCollection<string> names) =>
        [.. Select(names, [], Enum.GetValues<CheckCategory>()).Select(c => c.Describe())];

    /// <summary>The checks of these names, and of these categories; all but those about upgrades where neither is given.</summary>
    internal static IReadOnlyList<CitusCheck> Select(IReadOnlyCollection<string> names, IReadOnlyCollection<string> except,
        IReadOnlyCollection<CheckCategory> categories)
    {
        HashSet<CitusCheck> chosen = [.. (names.Count == 0 ? All : names.SelectMany(Matching)).Where(c => categories.Count > 0
            ? categories.Contains(c.Category) : names.Count > 0 || c.Category != CheckCategory.Upgrade)];
        chosen.ExceptWith(except.SelectMany(Matching));
        return [.. All.Where(chosen.Contains)];
    }

    /// <summary>The limits that a user sets, by check.</summary>
    internal static IReadOnlyDictionary<CitusCheck, double> Limits(IReadOnlyDictionary<string, double> given)
    {
        var limits = All.Where(c => c.Threshold is not null).ToDictionary(c => c, c => c.Threshold!.Default);
        foreach ((string name, double limit) in given)
        {
            foreach (CitusCheck check in Matching(name))
            {
                if (check.Threshold is null) throw CheckErrors.NoThreshold(check.Name, name);
                limits[check] = limit;
            }
        }
        return limits;
    }

    private static IEnumerable<CitusCheck> Matching(string pattern)
    {
        string regex = $"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal)}$";
        CitusCheck[] found = [.. All.Where(c => Regex.IsMatch(c.Name, regex, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant))];
        return found.Length > 0 ? found : throw CheckErrors.NoCheck(pattern);
    }
}
