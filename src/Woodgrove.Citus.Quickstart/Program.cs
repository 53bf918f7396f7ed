using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;
using Woodgrove.Citus.Quickstart;

// Runs module/examples/Quickstart.ps1 as pwsh would: the module imported from its manifest, the script unchanged.
string manifest = Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>().Single(m => m.Key == "ModuleManifest").Value!;
string script = Path.Combine(Path.GetDirectoryName(manifest)!, "module", "examples", "Quickstart.ps1");

var parameters = new Dictionary<string, string>();
for (int i = 0; i < args.Length; i += 2)
{
    if (args[i] is not ("--csv" or "--table" or "--column" or "--engine") || i + 1 == args.Length)
    {
        Console.Error.WriteLine("usage: dotnet run --project src/Woodgrove.Citus.Quickstart [-- --csv FILE --table NAME --column COLUMN] [--engine Auto|Citus|PostgreSql]");
        return 2;
    }
    parameters[args[i][2..]] = args[i][2..] == "csv" ? Path.GetFullPath(args[i + 1]) : args[i + 1];
}

InitialSessionState state = InitialSessionState.CreateDefault2();
if (OperatingSystem.IsWindows()) state.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.RemoteSigned;
state.ImportPSModule([manifest]);
var host = new ConsoleHost();
using Runspace runspace = RunspaceFactory.CreateRunspace(host, state);
runspace.Open();
using PowerShell shell = PowerShell.Create(runspace);
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    shell.BeginStop(null, null);
};

shell.AddCommand(script).AddParameters(parameters);
shell.Commands.Commands[^1].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
shell.AddCommand("Out-Default");
try
{
    shell.Invoke();
    return shell.HadErrors ? 1 : 0;
}
catch (PipelineStoppedException)
{
    Console.Error.WriteLine("Stopped.");
    return 130;
}
catch (RuntimeException e)
{
    Console.Error.WriteLine($"{e.ErrorRecord.InvocationInfo?.PositionMessage}\n{e.Message}");
    return 1;
}
