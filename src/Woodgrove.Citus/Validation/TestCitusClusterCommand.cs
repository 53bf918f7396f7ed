using System.Management.Automation;
using Woodgrove.Citus.Connections;

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
        ClusterValidation validation = Argument(Validation) with { Patience = TimeSpan.FromSeconds(Timeout) };
        Run(async (output, stop) =>
        {
            IReadOnlyList<CheckResult> results = await validation.RunAsync(cluster, output.Verbose, stop);
            if (Quiet)
            {
                await output.ObjectAsync(results.All(r => r.Status != CheckStatus.Failed)
                    && results.Any(r => r.Status != CheckStatus.Skipped));
                return;
            }
            foreach (CheckResult result in results) await output.ObjectAsync(result);
        }, cluster.Name);
    }
}
