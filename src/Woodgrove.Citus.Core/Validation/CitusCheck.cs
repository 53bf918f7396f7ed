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
