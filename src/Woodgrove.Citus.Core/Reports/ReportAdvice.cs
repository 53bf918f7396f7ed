namespace Woodgrove.Citus.Reports;

/// <summary>The sentences of a report that name commands.</summary>
internal static class ReportAdvice
{
    public const string FirstTable = "New-DistributedTable makes one.";
    public const string Origin = "Made by Export-CitusReport of Woodgrove.Citus.";
}
