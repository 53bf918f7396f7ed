using System.Collections;
using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Queries;

namespace Woodgrove.Citus.Validation;

/// <summary>Checks a cluster, one object a check.</summary>
[Cmdlet(VerbsDiagnostic.Test, "CitusCluster")]
[OutputType(typeof(CheckResult), typeof(bool))]
public sealed class TestCitusClusterCommand : CheckingCmdlet
{
    /// <summary>Gives true where no check failed, and at least one could look.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <summary>Seconds that one question to one node may take.</summary>
    [Parameter]
    [ValidateRange(1, 3600)]
    public int Timeout { get; set; } = 10;

    protected override void EndProcessing()
    {
        CitusConnection cluster = Cluster;
        IDictionary thresholds = PlainValues.Of(Threshold)!;
        Run(async (output, stop) =>
        {
            var validation = new ClusterValidation(Checks, Exclude, Limits(thresholds), TimeSpan.FromSeconds(Timeout));
            IReadOnlyList<CheckResult> results = await validation.RunAsync(cluster, output.Verbose, stop);
            if (Quiet)
            {
                await output.ObjectAsync(results.All(r => r.Status != CheckStatus.Failed) && results.Any(r => r.Status != CheckStatus.Skipped));
                return;
            }
            foreach (CheckResult result in results) await output.ObjectAsync(result);
        }, cluster.Name);
    }

    private static Dictionary<string, double> Limits(IDictionary given)
    {
        var limits = new Dictionary<string, double>();
        foreach (DictionaryEntry entry in given)
        {
            limits[entry.Key.ToString()!] = entry.Value switch
            {
                TimeSpan time => time.TotalSeconds,
                IConvertible number when double.TryParse(number.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture, out double value) => value,
                _ => throw new CitusException("CitusInvalidThreshold", CitusErrorKind.InvalidArgument, $"The threshold of {entry.Key}, '{entry.Value}', is no number.",
                    "Get-CitusCheck says what it is a limit of, and in which unit.") { Target = entry.Key },
            };
        }
        return limits;
    }
}
