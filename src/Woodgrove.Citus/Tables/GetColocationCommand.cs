using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Tables;

/// <summary>Lists the colocation groups with their tables.</summary>
[Cmdlet(VerbsCommon.Get, "Colocation")]
[OutputType(typeof(ColocationGroup))]
public sealed class GetColocationCommand : TablesCmdlet
{
    /// <summary>Just the groups of these tables; all by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    public override string[] Table { get; set; } = [];

    /// <summary>Asks the nodes how many bytes each group has, too.</summary>
    [Parameter]
    public SwitchParameter Size { get; set; }

    /// <summary>The module's own tables, in schema woodgrove, too.</summary>
    [Parameter]
    public SwitchParameter IncludeModule { get; set; }

    private protected override async Task RunAsync(CitusConnection cluster, IReadOnlyList<string> tables, CmdletOutput output,
        CancellationToken stop)
    {
        foreach (ColocationGroup group in await ColocationCatalog.GroupsAsync(cluster, tables, Size, output.Warning, stop, IncludeModule))
            await output.ObjectAsync(group);
    }
}
