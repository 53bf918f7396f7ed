using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Lists where shards lie, one object a placement.</summary>
[Cmdlet(VerbsCommon.Get, "ShardPlacement", DefaultParameterSetName = "Table")]
[OutputType(typeof(ShardPlacement))]
public sealed class GetShardPlacementCommand : ConnectedCmdlet
{
    /// <summary>Just these tables; all by default.</summary>
    [Parameter(ParameterSetName = "Table", Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = "Node", Position = 0)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    public string[] Table { get; set; } = [];

    /// <summary>A value of the distribution column: just the shard that holds it.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNull]
    public object? Value { get; set; }

    /// <summary>Just what lies on these nodes: their names, or names with ports, such as 10.0.0.5:5432.</summary>
    [Parameter(ParameterSetName = "Table")]
    [ArgumentCompleter(typeof(NodeCompleter))]
    [SupportsWildcards]
    public string[] Node { get; set; } = [];

    /// <summary>Just what lies on this node, from Get-CitusNode.</summary>
    [Parameter(ParameterSetName = "Node", Mandatory = true, ValueFromPipeline = true)]
    public CitusNode? InputObject { get; set; }

    /// <summary>The module's own tables, in schema woodgrove, too.</summary>
    [Parameter]
    public SwitchParameter IncludeModule { get; set; }

    /// <summary>Asks the nodes for the sizes of all shards; those of tables that are named are always read.</summary>
    [Parameter]
    public SwitchParameter Size { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        object? value = Value is PSObject wrapped ? wrapped.BaseObject : Value;
        if (value is null)
        {
            Run(Placements(cluster, Table, null), string.Join(", ", Table));
            return;
        }
        if (value is object[])
        {
            ThrowTerminatingError(CitusErrorRecord.From(PlacementErrors.SeveralValues(), value));
        }
        if (Table.Length == 0)
        {
            ThrowTerminatingError(CitusErrorRecord.From(PlacementErrors.NoTable(), value));
        }
        // A table that the value can't choose a shard of (a reference table) is no reason to leave out the next.
        foreach (string table in Table) RunEach(Placements(cluster, [table], value), table);
    }

    private Func<CmdletOutput, CancellationToken, Task> Placements(CitusConnection cluster, string[] tables, object? value) =>
        async (output, stop) =>
    {
        WildcardPattern[] nodes = [.. Node.Select(Wildcard.Parse)];
        if (await TablePattern.ExpandAsync(cluster, tables, stop) is not { } names) return;
        await foreach (ShardPlacement placement in ClusterMetadata.PlacementsAsync(cluster, names, value, Size, output.Warning, stop,
            IncludeModule))
            if (IsAskedFor(placement, nodes)) await output.ObjectAsync(placement);
    };

    private bool IsAskedFor(ShardPlacement placement, WildcardPattern[] nodes)
    {
        if (InputObject is { } node) return (placement.NodeName, placement.NodePort) == (node.NodeName, node.NodePort);
        string name = placement.NodeName, withPort = $"{name}:{placement.NodePort}";
        return nodes.Length == 0 || nodes.Any(n => n.IsMatch(name) || n.IsMatch(withPort));
    }
}
