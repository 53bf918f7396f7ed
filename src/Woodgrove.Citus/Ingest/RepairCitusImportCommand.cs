using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>Commits or rolls back what interrupted loads left prepared on the nodes, as the ledger decides.</summary>
[Cmdlet(VerbsDiagnostic.Repair, "CitusImport", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(ImportRepair))]
public sealed class RepairCitusImportCommand : ConnectedCmdlet
{
    /// <summary>Just this one; all by default.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(ImportIdCompleter))]
    public Guid? ImportId { get; set; }

    /// <summary>Addresses for nodes whose own names can't be reached from here.</summary>
    [Parameter]
    public IDictionary? NodeAddress { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster.WithNodeAddress(Texts.Read(NodeAddress));
        if (!Agree(ImportId?.ToString() ?? "All imports",
            "Commit or roll back what interrupted loads left prepared, as the ledger decides", out bool isTrial)) return;
        if (isTrial) Run(async (_, stop) => await CitusImport.ListAsync(cluster, ImportId, stop), ImportId);
        else Run(async (output, stop) => await CitusImport.RepairAsync(cluster, ImportId,
            async step => await output.ObjectAsync(step), stop), ImportId);
    }
}
