using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Moves a distributed schema to another node.</summary>
[Cmdlet(VerbsCommon.Move, "DistributedSchema", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(DistributedSchema), typeof(ClusterChange))]
public sealed class MoveDistributedSchemaCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SchemaCompleter))]
    [ValidateNotNullOrEmpty]
    public string Schema { get; set; } = "";

    /// <summary>The node with its port, as Get-CitusNode has them: host:port.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ArgumentCompleter(typeof(NodeCompleter))]
    [ValidateNotNullOrEmpty]
    public string ToNode { get; set; } = "";

    /// <summary>How rows are copied, in Citus's words.</summary>
    [Parameter]
    [ValidateSet("auto", "force_logical", "block_writes")]
    public string TransferMode { get; set; } = "auto";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change(
            (output, stop) => new SchemaMove(cluster, Schema, ToNode)
            {
                TransferMode = TransferMode.ToLowerInvariant(),
                Warn = output.Warning,
            }.PlanAsync(stop),
            async (output, stop) =>
            {
                foreach (DistributedSchema schema in await DistributedSchema.ListAsync(cluster, Schema, output.Warning, stop))
                    await output.ObjectAsync(schema);
            }, Schema);
    }
}
