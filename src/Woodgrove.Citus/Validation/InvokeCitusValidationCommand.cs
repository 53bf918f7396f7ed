using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Validation;

/// <summary>How much a run of Pester prints.</summary>
public enum ValidationOutput
{
    None,
    Normal,
    Detailed,
    Diagnostic,
}

/// <summary>Runs the checks as a Pester suite, with expectations of one's own, and gives Pester's result.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "CitusValidation")]
[OutputType(typeof(PSObject))]
public sealed class InvokeCitusValidationCommand : CheckingCmdlet
{
    /// <summary>Files or folders with tests of one's own.</summary>
    [Parameter]
    public string[] Path { get; set; } = [];

    /// <summary>Just tests of these tags; the checks' are their categories.</summary>
    [Parameter]
    public string[] Tag { get; set; } = [];

    /// <summary>Makes warnings fail.</summary>
    [Parameter]
    public SwitchParameter Strict { get; set; }

    /// <summary>A file for the results in NUnit's XML.</summary>
    [Parameter]
    public string? OutputFile { get; set; }

    [Parameter]
    public ValidationOutput Output { get; set; } = ValidationOutput.Normal;

    protected override void EndProcessing()
    {
        var data = new Hashtable { ["Connection"] = Cluster, ["Check"] = Checks.ToArray(), ["Exclude"] = Exclude, ["Threshold"] = Threshold, ["Strict"] = Strict };
        if (InvokeCommand.InvokeScript("Import-Module Pester -MinimumVersion 5.0 -PassThru -ErrorAction Ignore").Count == 0)
        {
            ThrowTerminatingError(CitusErrorRecord.From(new CitusException("CitusPesterMissing", CitusErrorKind.NotInstalled,
                "Pester 5 or later is not installed here.", "Install-PSResource Pester installs it. Without it, Test-CitusCluster gives the same results as objects."), null));
        }
        string folder = System.IO.Path.Combine(MyInvocation.MyCommand.Module.ModuleBase, "module", "validation");
        ScriptBlock run = InvokeCommand.NewScriptBlock("& $args[0] -Data $args[1] -Path $args[2] -Tag $args[3] -OutputFile $args[4] -Output $args[5]");
        WriteObject(InvokeCommand.InvokeScript(SessionState, run, System.IO.Path.Combine(folder, "Run.ps1"), data,
            Path.Select(GetUnresolvedProviderPathFromPSPath).ToArray(), Tag, OutputFile is null ? "" : GetUnresolvedProviderPathFromPSPath(OutputFile), Output.ToString()), enumerateCollection: true);
    }
}
