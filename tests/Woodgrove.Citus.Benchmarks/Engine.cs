using System.Collections.ObjectModel;
using System.Diagnostics;
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>The PowerShell engine in this process, with the built module imported.</summary>
internal sealed class Engine : IDisposable
{
    private readonly Runspace _runspace;

    public Engine()
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows()) state.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.RemoteSigned;
        _runspace = RunspaceFactory.CreateRunspace(state);
        _runspace.Open();
        Run($"Import-Module '{Metadata.ModuleManifest}'");
    }

    public Runspace Runspace => _runspace;

    /// <summary>Runs a script; any error ends it.</summary>
    public Collection<PSObject> Run(string script)
    {
        using PowerShell shell = PowerShell.Create(_runspace);
        return shell.AddScript("$ErrorActionPreference = 'Stop'; " + script).Invoke();
    }

    /// <summary>Runs a script and says how many seconds it took.</summary>
    public double Time(string script)
    {
        var clock = Stopwatch.StartNew();
        Run(script);
        return clock.Elapsed.TotalSeconds;
    }

    public void Dispose() => _runspace.Dispose();
}
