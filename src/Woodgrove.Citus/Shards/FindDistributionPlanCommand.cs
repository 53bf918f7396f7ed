using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Profiling;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Recommends for each local table how to distribute it in a Citus cluster.</summary>
[Cmdlet(VerbsCommon.Find, "DistributionPlan")]
[OutputType(typeof(DistributionPlan))]
public sealed class FindDistributionPlanCommand : ConnectedCmdlet
{
    /// <summary>Just these tables, by names or patterns; the plan is made over all.</summary>
    [Parameter(Position = 0)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Table { get; set; }

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
            (string Name, Func<DistributionPlan, bool> IsNamed)[] asked = [.. Table?.Select(name => (name, Named(name))) ?? []];
            var bar = new ImportProgressBar(output, cluster.Database, what: "Reading");
            try
            {
                var planner = new DistributionPlanner(cluster) { ShardCount = ShardCount, Explain = output.Verbose,
                    Warn = output.Warning, Progress = bar.Report };
                IReadOnlyList<DistributionPlan> plans = await planner.FindAsync(stop);
                foreach (DistributionPlan plan in plans.Where(p => Table is null || asked.Any(a => a.IsNamed(p))))
                    if (Kind is null || Kind.Contains(plan.Kind)) await output.ObjectAsync(plan);
                foreach ((string name, _) in asked.Where(a => !TablePattern.IsPattern(a.Name) && !plans.Any(a.IsNamed)))
                    await output.Async(c => c.WriteError(CitusErrorRecord.From(DistributionPlanErrors.NotPlanned(name, cluster), name)));
            }
            finally
            {
                bar.Complete();
            }
        }, cluster.Name);
    }

    private static Func<DistributionPlan, bool> Named(string name)
    {
        if (!TablePattern.IsPattern(name))
        {
            string exact = TableName.Parse(name).ToString();
            return plan => exact == plan.Table || exact == plan.FullName;
        }
        var pattern = Wildcard.Parse(name);
        return plan => pattern.IsMatch(plan.Table) || pattern.IsMatch(plan.FullName);
    }
}
