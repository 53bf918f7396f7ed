using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Shards;

/// <summary>Errors of plans for named tables.</summary>
internal static class DistributionPlanErrors
{
    public static CitusException NotPlanned(string table, CitusConnection cluster) => new("CitusTableNotPlanned",
        CitusErrorKind.ObjectNotFound,
        $"There is no plan for {table}: database '{cluster.Database}' has no such table, or Citus knows it already, or the role may not use "
            + "its schema.",
        "Check the name and its schema; Get-DistributedTable lists the tables that Citus knows.") { Target = table };
}
