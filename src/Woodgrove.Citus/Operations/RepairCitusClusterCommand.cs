using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Operations;

/// <summary>Removes what interrupted moves, splits, commits and imports have left behind.</summary>
[Cmdlet(VerbsDiagnostic.Repair, "CitusCluster", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(ClusterLeftover), typeof(ClusterChange))]
public sealed class RepairCitusClusterCommand : ChangeCmdlet
{
    /// <summary>The age that a prepared transaction must have.</summary>
    [Parameter(Position = 0)]
    public TimeSpan OlderThan { get; set; } = TimeSpan.FromMinutes(2);

    protected override void EndProcessing()
    {
        IReadOnlyList<ClusterLeftover> found = [];
        CitusConnection cluster = Cluster;
        LeftoverSearch? search = null;
        Run(async (output, stop) =>
        {
            search = new LeftoverSearch(cluster, OlderThan, output.Warning);
            found = await search.FindAsync(stop);
        }, cluster.Name);
        if (found.Count == 0) WriteVerbose("Nothing is left over.");
        foreach (IGrouping<LeftoverKind, ClusterLeftover> kind in found.GroupBy(f => f.Kind))
        {
            if (kind.Key == LeftoverKind.ImportTransaction) RepairImports([.. kind]);
            else Change((_, _) => Task.FromResult(LeftoverSearch.Plan(kind.Key, [.. kind])), async (output, stop) =>
            {
                HashSet<(string?, string)> left = [.. (await search!.FindAsync(stop)).Select(f => (f.Node, f.Name))];
                foreach (ClusterLeftover was in kind) await output.ObjectAsync(was with { IsRepaired = !left.Contains((was.Node, was.Name)) });
            }, kind.Key);
        }

        void RepairImports(List<ClusterLeftover> transactions)
        {
            if (!ShouldProcess($"{transactions.Count} prepared transaction(s) of imports", "Commit or roll back, as the ledger decides")) return;
            Run(async (output, stop) =>
            {
                HashSet<string?> pending = [];
                await CitusImport.RepairAsync(cluster, null, step =>
                {
                    output.Verbose(step.ToString());
                    if (step.Action == ImportRepairAction.Pending) pending.Add(step.Transaction);
                    return default;
                }, stop);
                HashSet<string> left = [.. (await search!.FindAsync(stop)).Select(f => f.Name)];
                foreach (ClusterLeftover was in transactions) await output.ObjectAsync(was with { IsRepaired = !left.Contains(was.Name) });
                if (pending.Count > 0) output.Warning($"{pending.Count} of them can't be ended yet; Repair-CitusImport says why.");
            }, cluster.Name);
        }
    }
}
