using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Operations;
using Woodgrove.Citus.Operations.Shards;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Gives a distribution value a shard of its own, in its table and those colocated with it.</summary>
[Cmdlet(VerbsCommon.Split, "Tenant", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(ShardPlacement), typeof(ClusterChange))]
public sealed class SplitTenantCommand : TransferCmdlet
{
    /// <summary>The table, or one that is colocated with it.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>The value of the distribution column.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNull]
    public object Value { get; set; } = "";

    /// <summary>The node to which its shard is then moved.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NodeCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ToNode { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        object value = Value is PSObject wrapped ? wrapped.BaseObject : Value;
        Change((output, stop) => TenantSplitter.PlanAsync(cluster, Table, value, ToNode, Mode, output.Warning, stop),
            (output, stop) => WriteAsync(output,
                ClusterMetadata.PlacementsAsync(cluster, [Table], value, withSizes: true, output.Warning, stop)),
            value);
    }
}
