using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Validation;

/// <summary>What a check found.</summary>
/// <param name="Evidence">The objects that it is about: nodes, tables, sessions and the like.</param>
/// <param name="Explanation">Why it matters.</param>
/// <param name="Fix">SQL or a command line, or null where nothing is to be done.</param>
public sealed record CheckResult(
    string Check, CheckCategory Category, CheckStatus Status, string Expected, string Actual,
    Listing<object> Evidence, string Explanation, string? Fix);
