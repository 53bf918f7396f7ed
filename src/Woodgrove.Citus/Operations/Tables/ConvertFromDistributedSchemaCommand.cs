using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Brings the tables of a distributed schema back to the coordinator, as local ones.</summary>
[Cmdlet(VerbsData.ConvertFrom, "DistributedSchema", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(DistributedTable), typeof(ClusterChange))]
public sealed class ConvertFromDistributedSchemaCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SchemaCompleter))]
    [ValidateNotNullOrEmpty]
    public string Schema { get; set; } = "";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        IReadOnlyList<string> tables = [];
        Change(
            async (output, stop) =>
            {
                ClusterChange change = await new SchemaDistribution(cluster, Schema) { Warn = output.Warning }.UndistributeAsync(stop);
                tables = change.Tables;
                return change;
            },
            async (output, stop) =>
            {
                foreach (string table in tables)
                    await output.ObjectAsync(await ChangedTable.ReadAsync(cluster, TableName.Parse(table), output.Warning, stop));
            }, Schema);
    }
}
