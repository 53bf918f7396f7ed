using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Validation;

/// <summary>What part of a cluster a check looks at.</summary>
public enum CheckCategory
{
    Nodes,
    Metadata,
    Shards,
    Tables,
    Transactions,
    Capacity,
    Security,
}

/// <summary>How a check ended.</summary>
public enum CheckStatus
{
    Passed,

    /// <summary>It works, and costs speed, space or room for growth.</summary>
    Warning,

    /// <summary>Something is broken, or will break.</summary>
    Failed,

    /// <summary>It could not look, or not everywhere; <see cref="CheckResult.Actual"/> says why.</summary>
    Skipped,
}

/// <summary>What a check found.</summary>
/// <param name="Evidence">The objects that it is about: nodes, tables, sessions and the like.</param>
/// <param name="Explanation">Why it matters.</param>
/// <param name="Fix">SQL or a command line, or null where nothing is to be done.</param>
public sealed record CheckResult(
    string Check, CheckCategory Category, CheckStatus Status, string Expected, string Actual,
    Listing<object> Evidence, string Explanation, string? Fix);

/// <summary>A check as a user may choose it.</summary>
/// <param name="Decides">What holds where it passes.</param>
/// <param name="Explanation">Why that matters.</param>
/// <param name="Threshold">The limit that it uses unless told otherwise, or null where it has none.</param>
/// <param name="ThresholdMeaning">What the limit is a limit of, with its unit.</param>
public sealed record CheckInfo(
    string Check, CheckCategory Category, string Decides, string Explanation, double? Threshold, string? ThresholdMeaning);
