using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Removes the rows that a table had before it was distributed, and that no query sees.</summary>
[Cmdlet(VerbsCommon.Clear, "LocalTableData", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(DistributedTable), typeof(ClusterChange))]
public sealed class ClearLocalTableDataCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        var name = TableName.Parse(Table);
        Change(
            (_, stop) => new LocalDataRemoval(cluster, name).PlanAsync(stop),
            async (output, stop) => await output.ObjectAsync(await ChangedTable.ReadAsync(cluster, name, output.Warning, stop)), Table);
    }
}
