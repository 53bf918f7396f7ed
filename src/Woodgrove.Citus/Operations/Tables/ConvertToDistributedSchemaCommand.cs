using System.Management.Automation;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Puts the tables of a schema together on one node: a tenant of its own.</summary>
[Cmdlet(VerbsData.ConvertTo, "DistributedSchema", SupportsShouldProcess = true)]
[OutputType(typeof(DistributedSchema), typeof(ClusterChange))]
public sealed class ConvertToDistributedSchemaCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SchemaCompleter))]
    [ValidateNotNullOrEmpty]
    public string Schema { get; set; } = "";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change(
            (output, stop) => new SchemaDistribution(cluster, Schema) { Warn = output.Warning }.DistributeAsync(stop),
            async (output, stop) =>
            {
                foreach (DistributedSchema schema in await DistributedSchema.ListAsync(cluster, Schema, output.Warning, stop))
                    await output.ObjectAsync(schema);
            }, Schema);
    }
}
