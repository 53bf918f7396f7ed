using System.Management.Automation;
using System.Management.Automation.Runspaces;

// Reads a script from standard input, runs it and prints each object as text, as it comes. An error ends it with exit code 1.
InitialSessionState state = InitialSessionState.CreateDefault2();
if (OperatingSystem.IsWindows()) state.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.RemoteSigned;
using Runspace runspace = RunspaceFactory.CreateRunspace(state);
runspace.Open();
using PowerShell shell = PowerShell.Create(runspace);
shell.AddScript(args.Length > 0 ? File.ReadAllText(args[0]) : Console.In.ReadToEnd());
using var output = new PSDataCollection<PSObject>();
output.DataAdded += (_, e) => Console.Out.WriteLine(output[e.Index]?.ToString());
try
{
    shell.Invoke(null, output);
}
catch (RuntimeException e)
{
    Console.Error.WriteLine($"{e.ErrorRecord.FullyQualifiedErrorId}: {e.Message}");
    return 1;
}
foreach (ErrorRecord error in shell.Streams.Error) Console.Error.WriteLine($"{error.FullyQualifiedErrorId}: {error.Exception.Message}");
return shell.HadErrors ? 1 : 0;
