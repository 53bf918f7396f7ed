using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Brings a table's rows back to the coordinator, as a table that Citus does not know.</summary>
[Cmdlet(VerbsData.ConvertTo, "LocalTable", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(DistributedTable), typeof(ClusterChange))]
public sealed class ConvertToLocalTableCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>The tables that foreign keys link with it, too.</summary>
    [Parameter]
    public SwitchParameter CascadeViaForeignKeys { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        var name = TableName.Parse(Table);
        Change(
            (output, stop) => new LocalConversion(cluster, name) { CascadeViaForeignKeys = CascadeViaForeignKeys, Warn = output.Warning }
                .PlanAsync(stop),
            async (output, stop) => await output.ObjectAsync(await ChangedTable.ReadAsync(cluster, name, output.Warning, stop)), Table);
    }
}
