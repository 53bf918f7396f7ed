namespace Woodgrove.Citus.Validation;

/// <summary>A check as a user may choose it.</summary>
/// <param name="Decides">What holds where it passes.</param>
/// <param name="Explanation">Why that matters.</param>
/// <param name="Threshold">The limit that it uses unless told otherwise, or null where it has none.</param>
/// <param name="ThresholdMeaning">What the limit is a limit of, with its unit.</param>
public sealed record CheckInfo(
    string Check, CheckCategory Category, string Decides, string Explanation, double? Threshold, string? ThresholdMeaning);
