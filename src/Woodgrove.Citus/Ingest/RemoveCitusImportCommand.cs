using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>Clears an import from the ledger; what it left prepared is ended first, and its committed rows stay.</summary>
[Cmdlet(VerbsCommon.Remove, "CitusImport", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
public sealed class RemoveCitusImportCommand : ConnectedCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(ImportIdCompleter))]
    public Guid ImportId { get; set; }

    /// <summary>Addresses for nodes whose own names can't be reached from here.</summary>
    [Parameter]
    public IDictionary? NodeAddress { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster.WithNodeAddress(Texts.Read(NodeAddress));
        if (!Agree(ImportId.ToString(), "Clear from the ledger", out bool isTrial)) return;
        Run(async (output, stop) =>
            await CitusImport.RemoveAsync(cluster, ImportId, output.Verbose, output.Warning, isTrial, stop), ImportId);
    }
}
