using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Tables;

/// <summary>Splits a table over the nodes by the hash of a column, or keeps it in a single shard.</summary>
[Cmdlet(VerbsCommon.New, "DistributedTable", SupportsShouldProcess = true)]
[OutputType(typeof(DistributedTable))]
public sealed class NewDistributedTableCommand : DistributeCommand
{
    /// <summary>Without one, the rows are in a single shard on one node.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [Alias("Column")]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    [ValidateNotNullOrEmpty]
    public string? DistributionColumn { get; set; }

    /// <summary>A distributed table whose rows of equal distribution values shall lie on the same node, or none.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ColocateWith { get; set; }

    [Parameter]
    [ValidateRange(1, 64000)]
    public int? ShardCount { get; set; }

    /// <summary>Lets writers go on while rows move.</summary>
    [Parameter]
    public SwitchParameter Concurrently { get; set; }

    private protected override string Action =>
        (FromCsv is null ? "" : $"Create with ({Definition}) and ") is var create && DistributionColumn is null
            ? $"{(create.Length == 0 ? "Keep" : create + "keep")} in a single shard on one node"
            : $"{(create.Length == 0 ? "Distribute" : create + "distribute")} by {DistributionColumn}";

    private protected override string? NotNullColumn => DistributionColumn;

    private protected override TableDistributor Distributor(CitusConnection cluster, TableName table) => new(cluster, table)
    {
        DistributionColumn = DistributionColumn,
        IsSingleShard = DistributionColumn is null,
        ColocateWith = ColocateWith,
        ShardCount = ShardCount,
        Concurrently = Concurrently,
    };
}
