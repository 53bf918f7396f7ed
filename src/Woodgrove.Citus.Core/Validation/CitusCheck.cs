namespace Woodgrove.Citus.Validation;

/// <summary>
/// One thing that is checked. A sealed class derived from it, with a constructor without parameters, is all that
/// a new check needs: it is found by its type, and its type's name is its own.
/// </summary>
/// <param name="decides">What holds where it passes, a sentence.</param>
/// <param name="why">Why that matters.</param>
internal abstract class CitusCheck(CheckCategory category, string decides, string why)
{
    public string Name => GetType().Name;
    public CheckCategory Category => category;
    public string Decides => decides;
    public string Why => why;

    /// <summary>The one number that a user may set, or null.</summary>
    public virtual Threshold? Threshold => null;

    /// <summary>The predefined role without whose rights the server would hide what is asked for, or null.</summary>
    public virtual string? Role => null;

    /// <summary>What it wants to know; the same question of several checks is asked once.</summary>
    public abstract IReadOnlyList<Question> Questions { get; }

    /// <summary>Decides over what the nodes answered. Asks nothing, so that it can be tested with facts made up.</summary>
    public abstract Verdict Decide(Facts facts);

    public CheckInfo Describe() => new(Name, category, decides, why, Threshold?.Default, Threshold?.Meaning);
}

/// <param name="Meaning">What it is a limit of, with its unit.</param>
internal sealed record Threshold(double Default, string Meaning);

/// <summary>How a check decides over the facts there are.</summary>
internal sealed record Verdict(CheckStatus Status, string Expected, string Actual, IReadOnlyList<object> Evidence, string? Fix)
{
    public static Verdict Passed(string expected, string actual) => new(CheckStatus.Passed, expected, actual, [], null);

    /// <summary>Passes where nothing offends.</summary>
    /// <param name="fine">What to say where nothing does.</param>
    public static Verdict Unless<T>(
        IReadOnlyList<T> offending, CheckStatus otherwise, string expected, string fine, Func<IReadOnlyList<T>, string> actual, Func<IReadOnlyList<T>, string> fix)
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
