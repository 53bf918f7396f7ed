namespace Woodgrove.Citus.Settings;

/// <param name="Value">The value to set, or null where none is better than another.</param>
/// <param name="Fits">Whether a value is near enough; null where any is.</param>
internal sealed record Suggestion(string? Value, Func<Found, bool>? Fits, string Why)
{
    public static Suggestion Keep(string why) => new(null, null, why);

    public static Suggestion Exactly(string value, string why) => new(value, f => f.Value == value, why);

    public static Suggestion AtLeast(double number, string why) => new($"{number:0}", f => f.Number < 0 || f.Number >= number, why);

    /// <summary>About so many bytes, in whole megabytes: a third less or half more makes no difference.</summary>
    public static Suggestion About(double? bytes, string why) => bytes is not { } wanted
        ? Keep($"{why} {SettingAdvice.CapacityUnknown}")
        : new(NodeCapacity.Show(Math.Max(1, (long)wanted >> 20) << 20), f => f.Number >= wanted * 0.66 && f.Number <= wanted * 1.5, why);
}
