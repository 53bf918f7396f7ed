using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Tables;

/// <summary>Lists the tables that Citus knows.</summary>
[Cmdlet(VerbsCommon.Get, "DistributedTable")]
[OutputType(typeof(DistributedTable))]
public sealed class GetDistributedTableCommand : ConnectedCmdlet
{
    /// <summary>Just these; all by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    public string[] Table { get; set; } = [];

    /// <summary>Asks the nodes for the sizes of all tables; those of tables that are named are always read.</summary>
    [Parameter]
    public SwitchParameter Size { get; set; }

    /// <summary>The module's own tables, in schema woodgrove, too.</summary>
    [Parameter]
    public SwitchParameter IncludeModule { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            if (await TablePattern.ExpandAsync(cluster, Table, stop) is not { } tables) return;
            await foreach (DistributedTable table in ClusterMetadata.TablesAsync(cluster, tables, Size, output.Warning, stop,
                IncludeModule)) await output.ObjectAsync(table);
        }, string.Join(", ", Table));
    }
}
