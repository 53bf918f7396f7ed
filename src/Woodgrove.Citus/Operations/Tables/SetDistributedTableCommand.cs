using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Changes how a table is distributed, or its access method.</summary>
[Cmdlet(VerbsCommon.Set, "DistributedTable", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(DistributedTable), typeof(ClusterChange))]
public sealed class SetDistributedTableCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    [Parameter(Position = 1)]
    [Alias("Column")]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    [ValidateNotNullOrEmpty]
    public string? DistributionColumn { get; set; }

    [Parameter]
    [ValidateRange(1, 64000)]
    public int? ShardCount { get; set; }

    /// <summary>A distributed table whose rows of equal distribution values shall lie on the same node, or none.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ColocateWith { get; set; }

    /// <summary>The colocated tables, too; with :$false this table alone.</summary>
    [Parameter]
    public SwitchParameter CascadeToColocated { get; set; }

    [Parameter]
    [ValidateSet("heap", "columnar")]
    public string? AccessMethod { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        var name = TableName.Parse(Table);
        Change(
            (output, stop) => new TableAlteration(cluster, name)
            {
                DistributionColumn = DistributionColumn,
                ShardCount = ShardCount,
                ColocateWith = ColocateWith,
                CascadeToColocated = MyInvocation.BoundParameters.ContainsKey(nameof(CascadeToColocated)) ? CascadeToColocated : null,
                AccessMethod = AccessMethod?.ToLowerInvariant(),
                Warn = output.Warning,
            }.PlanAsync(stop),
            async (output, stop) => await output.ObjectAsync(await ChangedTable.ReadAsync(cluster, name, output.Warning, stop)), Table);
    }
}
