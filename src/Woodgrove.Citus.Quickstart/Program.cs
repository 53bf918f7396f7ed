using System.Diagnostics;
using System.Reflection;

// Runs module/examples/Quickstart.ps1, unchanged, in the PowerShell of Woodgrove.Citus.Shell, with the module imported from its manifest.
string manifest = Metadata("ModuleManifest");
string command = $"Import-Module {Quote(manifest)}; & "
    + $"{Quote(Path.Combine(Path.GetDirectoryName(manifest)!, "module", "examples", "Quickstart.ps1"))}";
for (int i = 0; i < args.Length; i += 2)
{
    if (args[i] is not ("--csv" or "--table" or "--column" or "--engine") || i + 1 == args.Length)
    {
        Console.Error.WriteLine("usage: dotnet run --project src/Woodgrove.Citus.Quickstart [-- --csv FILE --table NAME --column COLUMN] "
            + "[--engine Auto|Citus|PostgreSql]");
        return 2;
    }
    command += $" -{args[i][2..]} {Quote(args[i] == "--csv" ? Path.GetFullPath(args[i + 1]) : args[i + 1])}";
}

var start = new ProcessStartInfo("dotnet",
    [Metadata("Shell"), "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "RemoteSigned", "-Command", command]);
if (Console.IsOutputRedirected) start.Environment["NO_COLOR"] = "1";
// Ctrl+C reaches the shell too, which stops the script and lets it remove its cluster.
Console.CancelKeyPress += (_, e) => e.Cancel = true;
using Process shell = Process.Start(start)!;
shell.WaitForExit();
return shell.ExitCode;

static string Metadata(string key) =>
    Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>().Single(m => m.Key == key).Value!;

static string Quote(string text) => $"'{text.Replace("'", "''")}'";
