using System.Management.Automation;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Plans;

/// <summary>Says how the cluster would run a query, and why.</summary>
[Cmdlet(VerbsCommon.Get, "CitusQueryPlan")]
[OutputType(typeof(CitusQueryPlan))]
public sealed class GetCitusQueryPlanCommand : PlanCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string Query { get; set; } = "";

    /// <summary>Shows the fragment of every shard, not of one.</summary>
    [Parameter]
    public SwitchParameter AllTasks { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        RunEach(async (output, stop) =>
        {
            CitusQueryPlan plan = await Request(Query, AllTasks, output).ReadAsync(cluster, stop);
            foreach (string sentence in plan.Explanation) output.Verbose(sentence);
            await output.ObjectAsync(plan);
        }, Query);
    }
}
