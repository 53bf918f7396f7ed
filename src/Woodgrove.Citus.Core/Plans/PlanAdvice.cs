namespace Woodgrove.Citus.Plans;

/// <summary>What could be better about a query or its tables.</summary>
/// <param name="Code">Stable across releases; scripts may compare it.</param>
/// <param name="Fix">SQL or a cmdlet line to run, or to fill in.</param>
public sealed record PlanAdvice(string Code, AdviceSeverity Severity, string Message, string Fix)
{
    public override string ToString() => $"{Code}: {Message}";
}
