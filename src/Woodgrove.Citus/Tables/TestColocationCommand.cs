using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Tables;

/// <summary>Says whether tables lie together, so that joins over their distribution columns stay on each node.</summary>
[Cmdlet(VerbsDiagnostic.Test, "Colocation")]
[OutputType(typeof(bool), typeof(ColocationTest))]
public sealed class TestColocationCommand : TablesCmdlet
{
    /// <summary>
    /// Two tables or more; each is compared with the first, or of three or more with the first that is no reference
    /// table.
    /// </summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public override string[] Table { get; set; } = [];

    /// <summary>Emits an object with the reason for each pair, in place of true or false.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    private protected override async Task RunAsync(CitusConnection cluster, IReadOnlyList<string> tables, CmdletOutput output,
        CancellationToken stop)
    {
        IReadOnlyList<ColocationTest> tests = await ColocationCatalog.TestAsync(cluster, tables, stop);
        foreach (ColocationTest test in tests)
        {
            output.Verbose($"{test.Table} and {test.OtherTable}: "
                + $"{test.Explanation}{(test.Fix is null ? "" : $" To colocate them: {test.Fix}")}");
            if (Detailed) await output.ObjectAsync(test);
        }
        // Just one, whatever the number of tables: an array of false values would be true in a condition.
        if (!Detailed) await output.ObjectAsync(tests.All(t => t.IsColocated));
    }
}
