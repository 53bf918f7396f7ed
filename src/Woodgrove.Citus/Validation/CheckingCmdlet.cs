using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Validation;

/// <summary>A cmdlet that runs checks, all or chosen ones, with limits of one's own.</summary>
public abstract class CheckingCmdlet : ConnectedCmdlet
{
    /// <summary>Just these; all by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(CheckCompleter))]
    [SupportsWildcards]
    public string[] Check { get; set; } = [];

    /// <summary>All but these.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(CheckCompleter))]
    [SupportsWildcards]
    public string[] Exclude { get; set; } = [];

    /// <summary>Limits by check, such as @{ TableSkew = 5 }.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary Threshold { get; set; } = new Hashtable();

    /// <summary>All that were named, in the pipeline too.</summary>
    private protected List<string> Checks { get; } = [];

    protected override void ProcessRecord() => Checks.AddRange(Check);
}
