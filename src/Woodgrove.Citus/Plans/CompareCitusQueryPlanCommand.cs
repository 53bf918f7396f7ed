using System.Management.Automation;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Plans;

/// <summary>Says which of two queries moves less data between nodes, and why.</summary>
[Cmdlet(VerbsData.Compare, "CitusQueryPlan")]
[OutputType(typeof(PlanComparison))]
public sealed class CompareCitusQueryPlanCommand : PlanCmdlet
{
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string ReferenceQuery { get; set; } = "";

    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string DifferenceQuery { get; set; } = "";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        RunEach(async (output, stop) =>
        {
            CitusQueryPlan reference = await Request(ReferenceQuery, allTasks: false, output).ReadAsync(cluster, stop);
            CitusQueryPlan difference = await Request(DifferenceQuery, allTasks: false, output).ReadAsync(cluster, stop);
            await output.ObjectAsync(PlanComparison.Of(reference, difference));
        }, DifferenceQuery);
    }
}
