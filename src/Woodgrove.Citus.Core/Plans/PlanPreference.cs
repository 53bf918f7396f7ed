namespace Woodgrove.Citus.Plans;

/// <summary>Which of two plans moves less data between nodes.</summary>
public enum PlanPreference
{
    Same,
    Reference,
    Difference,
}
