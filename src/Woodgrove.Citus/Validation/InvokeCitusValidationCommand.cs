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
    [ArgumentCompleter(typeof(TagCompleter))]
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
        var data = new Hashtable { ["Connection"] = Cluster, ["Check"] = Checks.ToArray(), ["Exclude"] = Exclude, ["Threshold"] = Threshold,
            ["Strict"] = Strict, ["IncludeModule"] = IncludeModule, ["Category"] = Category };
        Argument(Validation);
        string[] own = Argument(() => Path.Select(Existing).ToArray());
        string file = OutputFile is null ? "" : Argument(() => Writable(OutputFile));
        if (!HasPester())
        {
            ThrowTerminatingError(CitusErrorRecord.From(ValidationErrors.NoPester(), null));
        }
        string folder = System.IO.Path.Combine(MyInvocation.MyCommand.Module.ModuleBase, "module", "validation");
        ScriptBlock run = InvokeCommand.NewScriptBlock("& $args[0] -Data $args[1] -Path $args[2] -Tag $args[3] -OutputFile $args[4] "
            + "-Output $args[5]");
        foreach (PSObject result in InvokeCommand.InvokeScript(SessionState, run, System.IO.Path.Combine(folder, "Run.ps1"), data, own, Tag,
            file, Output.ToString()))
        {
            WriteObject(result);
            foreach (object container in LanguagePrimitives.GetEnumerable(result.Properties["Containers"]?.Value) ?? Array.Empty<object>())
                Complain(PSObject.AsPSObject(container));
        }
    }

    /// <summary>Loads Pester, unless the session has: two versions do not fit into one process.</summary>
    private bool HasPester()
    {
        if (InvokeCommand.InvokeScript("Get-Module Pester | Where-Object { $_.Version.Major -ge 5 }").Count > 0) return true;
        // The assembly of a version that was loaded and removed stays in the process.
        Version? bound = AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetName()).FirstOrDefault(n => n.Name == "Pester")?.Version;
        string version = bound is null ? "-MinimumVersion 5.0" : $"-RequiredVersion {bound.ToString(3)}";
        return InvokeCommand.InvokeScript($"Import-Module Pester {version} -PassThru -ErrorAction Ignore").Count > 0;
    }

    /// <summary>A file whose tests could not even be found has none that fails: Pester counts no failed test.</summary>
    private void Complain(PSObject container)
    {
        if (LanguagePrimitives.GetEnumerable(container.Properties["ErrorRecord"]?.Value)?.Cast<object>().FirstOrDefault() is not { } error)
            return;
        WriteError(CitusErrorRecord.From(ValidationErrors.TestsDidNotRun(container.Properties["Item"]?.Value, error), container.Properties["Item"]?.Value));
    }

    private string Existing(string path)
    {
        string full = GetUnresolvedProviderPathFromPSPath(path);
        return File.Exists(full) || Directory.Exists(full) ? full
            : throw ValidationErrors.NoFile(full, path);
    }

    private string Writable(string path)
    {
        string full = GetUnresolvedProviderPathFromPSPath(path);
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(full)!);
            return full;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw PostgresErrors.Describe(e, path);
        }
    }
}
