using System.Management.Automation;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Plans;

/// <summary>Lists what each node would run for a query, one object a fragment.</summary>
[Cmdlet(VerbsCommon.Get, "CitusQueryFragment")]
[OutputType(typeof(QueryFragment))]
public sealed class GetCitusQueryFragmentCommand : PlanCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string Query { get; set; } = "";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        RunEach(async (output, stop) =>
        {
            CitusQueryPlan plan = await Request(Query, allTasks: true, output).ReadAsync(cluster, stop);
            if (plan.Execution == QueryExecution.Repartition) output.Verbose("EXPLAIN does not show the fragments of a repartition join.");
            if (plan.TaskCount == 0) output.Verbose("The query is local: it has no fragments.");
            foreach (QueryFragment fragment in All(plan)) await output.ObjectAsync(fragment);
        }, Query);
    }

    /// <summary>In the order in which they run: those of the parts before first.</summary>
    private static IEnumerable<QueryFragment> All(CitusQueryPlan plan) => plan.Subplans.SelectMany(All).Concat(plan.Fragments);
}
