using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>Lists the imports of the ledger with their state, the latest first. Changes nothing.</summary>
[Cmdlet(VerbsCommon.Get, "CitusImport")]
[OutputType(typeof(CitusImport))]
public sealed class GetCitusImportCommand : ConnectedCmdlet
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
        Run(async (output, stop) =>
        {
            foreach (CitusImport import in await CitusImport.ListAsync(cluster, ImportId, stop))
                await output.ObjectAsync(import);
        }, ImportId);
    }
}
