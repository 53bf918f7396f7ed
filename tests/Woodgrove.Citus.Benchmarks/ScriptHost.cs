using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>Stands in for <c>pwsh -Command</c>, in a process of its own, where there is no pwsh.</summary>
internal static class ScriptHost
{
    public const string Command = "script";

    public static int Run(string script)
    {
        using Runspace runspace = OpenRunspace();
        using PowerShell shell = PowerShell.Create(runspace);
        foreach (PSObject value in shell.AddScript(script).Invoke()) Console.WriteLine(value);
        foreach (ErrorRecord error in shell.Streams.Error) Console.Error.WriteLine(error);
        return shell.HadErrors ? 1 : 0;
    }

    public static Runspace OpenRunspace()
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows()) state.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.RemoteSigned;
        Runspace runspace = RunspaceFactory.CreateRunspace(state);
        runspace.Open();
        return runspace;
    }
}
