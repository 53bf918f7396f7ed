using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Operations.Tables;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations;

/// <summary>Analyzes the shards of tables, and emits what statistics there are then.</summary>
[Cmdlet(VerbsData.Update, "CitusStatistic", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(TableStatistics), typeof(ClusterChange))]
public sealed class UpdateCitusStatisticCommand : ChangeCmdlet
{
    /// <summary>Just these; by default all whose statistics are missing or stale.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    public string[] Table { get; set; } = [];

    /// <summary>All tables of these schemas.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(SchemaCompleter))]
    public string[] Schema { get; set; } = [];

    protected override void ProcessRecord()
    {
        if (IsPiped && Table.Length == 0) return;
        CitusConnection cluster = Cluster;
        IReadOnlyList<string> names = [];
        Run(async (output, stop) =>
        {
            if (Table.Length > 0) names = await TablePattern.ExpandAsync(cluster, Table, stop) ?? [];
            if (Table.Length == 0 || Schema.Length > 0)
                names = [.. names.Concat(await new StatisticsUpdate(cluster, output.Warning).FindAsync(Schema, stop)).Distinct()];
        }, cluster.Name);
        if (names.Count == 0) WriteVerbose("No table is to be analyzed.");
        for (int i = 0; i < names.Count; i++)
        {
            string name = names[i];
            if (names.Count > 1) ShowProgress(i, name);
            Change((output, stop) => new StatisticsUpdate(cluster, output.Warning).PlanAsync(name, stop), async (output, stop) =>
            {
                TableStatistics after = await new StatisticsUpdate(cluster, output.Warning).ReadAsync(name, stop);
                if (after.MissingShards > 0)
                    output.Warning($"{after.MissingShards} shard(s) of {after.Table} have no statistics still; the nodes' logs say why.");
                await output.ObjectAsync(after);
            }, name);
        }

        void ShowProgress(int done, string name) => WriteProgress(new ProgressRecord(2, "Analyze tables",
            $"{done + 1} of {names.Count}: {VisibleText.Of(name)}") { PercentComplete = done * 100 / names.Count });
    }
}
