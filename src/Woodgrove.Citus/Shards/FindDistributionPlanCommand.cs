using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Profiling;

namespace Woodgrove.Citus.Shards;

/// <summary>Plans for every local table of a database how a Citus cluster should keep it.</summary>
[Cmdlet(VerbsCommon.Find, "DistributionPlan")]
[OutputType(typeof(DistributionPlan))]
public sealed class FindDistributionPlanCommand : ConnectedCmdlet
{
    /// <summary>The shards to predict for; by default those of a new table.</summary>
    [Parameter]
    [ValidateRange(1, 64000)]
    public int? ShardCount { get; set; }

    /// <summary>Just the tables of these kinds.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public TableKind[]? Kind { get; set; }

    protected override void EndProcessing()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            var bar = new ImportProgressBar(output, cluster.Database, what: "Reading");
            try
            {
                var planner = new DistributionPlanner(cluster) { ShardCount = ShardCount, Explain = output.Verbose,
                    Warn = output.Warning, Progress = bar.Report };
                foreach (DistributionPlan plan in await planner.FindAsync(stop))
                    if (Kind is null || Kind.Contains(plan.Kind)) await output.ObjectAsync(plan);
            }
            finally
            {
                bar.Complete();
            }
        }, cluster.Name);
    }
}
