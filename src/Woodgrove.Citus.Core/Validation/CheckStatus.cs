namespace Woodgrove.Citus.Validation;

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
