namespace Woodgrove.Citus.Plans;

/// <summary>How much an advice weighs.</summary>
public enum AdviceSeverity
{
    Information,
    Warning,
}
