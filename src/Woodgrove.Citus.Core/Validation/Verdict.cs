namespace Woodgrove.Citus.Validation;

/// <summary>How a check decides over the facts there are.</summary>
internal sealed record Verdict(CheckStatus Status, string Expected, string Actual, IReadOnlyList<object> Evidence, string? Fix)
{
    public static Verdict Passed(string expected, string actual) => new(CheckStatus.Passed, expected, actual, [], null);

    /// <summary>Passes where nothing offends.</summary>
    /// <param name="fine">What to say where nothing does.</param>
    public static Verdict Unless<T>(
        IReadOnlyList<T> offending, CheckStatus otherwise, string expected, string fine, Func<IReadOnlyList<T>, string> actual,
        Func<IReadOnlyList<T>, string> fix)
        where T : notnull =>
        offending.Count == 0
            ? Passed(expected, fine)
            : new Verdict(otherwise, expected, actual(offending), [.. offending], fix(offending));

    /// <summary>The first few of some names, and how many more there are.</summary>
    public static string List(IEnumerable<string> names, int most = 3)
    {
        string[] all = [.. names.Distinct()];
        string shown = string.Join(", ", all.Take(most));
        return all.Length > most ? $"{shown} and {all.Length - most} more" : shown;
    }

    /// <summary>A statement for each: a fix that leaves some out would not change the verdict.</summary>
    public static string Lines<T>(IEnumerable<T> items, Func<T, string> statement) => string.Join('\n', items.Select(statement).Distinct());
}
