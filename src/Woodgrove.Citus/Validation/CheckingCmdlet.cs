using System.Collections;
using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Queries;

namespace Woodgrove.Citus.Validation;

/// <summary>A cmdlet that runs checks, all or chosen ones, with limits of one's own.</summary>
public abstract class CheckingCmdlet : ConnectedCmdlet
{
    /// <summary>Just these; by default all but those of the category Upgrade.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(CheckCompleter))]
    [SupportsWildcards]
    public string[] Check { get; set; } = [];

    /// <summary>Just the checks of these categories; by default all but Upgrade.</summary>
    [Parameter]
    public CheckCategory[] Category { get; set; } = [];

    /// <summary>All but these.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(CheckCompleter))]
    [SupportsWildcards]
    public string[] Exclude { get; set; } = [];

    /// <summary>Limits by check, such as @{ TableSkew = 5 }.</summary>
    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(ThresholdCompleter))]
    public IDictionary Threshold { get; set; } = new Hashtable();

    /// <summary>The module's own tables, in schema woodgrove, too.</summary>
    [Parameter]
    public SwitchParameter IncludeModule { get; set; }

    /// <summary>All that were named, in the pipeline too.</summary>
    private protected List<string> Checks { get; } = [];

    protected override void ProcessRecord() => Checks.AddRange(Check);

    /// <summary>What is asked for, once it is known to be there to ask for.</summary>
    /// <exception cref="CitusException">A name is that of no check, or a threshold is none.</exception>
    private protected ClusterValidation Validation()
    {
        var validation = new ClusterValidation(Checks, Exclude, Limits(PlainValues.Of(Threshold)!), TimeSpan.FromSeconds(10))
            { IncludeModule = IncludeModule, Categories = Category };
        validation.Check();
        return validation;
    }

    private static Dictionary<string, double> Limits(IDictionary given)
    {
        var limits = new Dictionary<string, double>();
        foreach (DictionaryEntry entry in given)
        {
            limits[entry.Key.ToString()!] = entry.Value switch
            {
                TimeSpan time => time.TotalSeconds,
                IConvertible number when double.TryParse(number.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture,
                    out double value) => value,
                _ => throw ValidationErrors.NotANumber(entry.Key, entry.Value),
            };
        }
        return limits;
    }
}
