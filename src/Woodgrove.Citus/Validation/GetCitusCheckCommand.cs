using System.Management.Automation;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Validation;

/// <summary>Lists the checks of Test-CitusCluster, with what each decides and why it matters.</summary>
[Cmdlet(VerbsCommon.Get, "CitusCheck")]
[OutputType(typeof(CheckInfo))]
public sealed class GetCitusCheckCommand : PSCmdlet
{
    [Parameter(Position = 0)]
    [ArgumentCompleter(typeof(CheckCompleter))]
    [SupportsWildcards]
    public string[] Check { get; set; } = [];

    /// <summary>Just the checks of these categories.</summary>
    [Parameter]
    public CheckCategory[] Category { get; set; } = Enum.GetValues<CheckCategory>();

    protected override void ProcessRecord()
    {
        try
        {
            WriteObject(CheckCatalog.Find(Check).Where(c => Category.Contains(c.Category)), enumerateCollection: true);
        }
        catch (CitusException e)
        {
            ThrowTerminatingError(CitusErrorRecord.From(e, null));
        }
    }
}
