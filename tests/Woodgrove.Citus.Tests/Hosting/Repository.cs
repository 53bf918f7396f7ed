using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>Where the built parts lie.</summary>
internal static class Repository
{
    public static string Root => Metadata("RepositoryRoot");
    public static string Manifest => Path.Combine(Root, "Woodgrove.Citus.psd1");
    public static string Shell =>
        Path.Combine(Root, "src", "Woodgrove.Citus.Shell", "bin", Metadata("Configuration"), "net10.0", "pwsh.dll");
    public static string OtherModule => Built("tests", "Woodgrove.Citus.OtherNpgsql");

    /// <summary>A project's assembly, built as the tests are.</summary>
    public static string Built(string folder, string project) =>
        Path.Combine(Root, folder, project, "bin", Metadata("Configuration"), "net10.0", project + ".dll");

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(m => m.Key == key).Value!;

    /// <summary>Starts a script in a PowerShell engine in a process of its own.</summary>
    public static Process StartScript(string script, params (string Name, string? Value)[] environment) =>
        StartScript(script, [], environment);

    /// <param name="before">A program that starts the process in surroundings of its own, with its arguments.</param>
    private static Process StartScript(string script, string[] before, (string Name, string? Value)[] environment)
    {
        Process process = Start(before, null, environment);
        process.StandardInput.Write($"Import-Module '{Manifest}'\n{script}");
        process.StandardInput.Close();
        return process;
    }

    /// <summary>
    /// Starts a script's file in a PowerShell engine in a process of its own, whose standard input is the caller's to
    /// write.
    /// </summary>
    public static Process StartScriptFile(string path) => Start([], path, []);

    private static Process Start(string[] before, string? scriptFile, (string Name, string? Value)[] environment)
    {
        string dotnet = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        string[] command = [.. before, dotnet, Built("tests", "Woodgrove.Citus.ScriptRunner")];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = System.Text.Encoding.UTF8,
        };
        if (scriptFile is not null) start.ArgumentList.Add(scriptFile);
        foreach ((string name, string? value) in environment)
        {
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;
        }
        return Process.Start(start)!;
    }

    /// <summary>Runs a script in a PowerShell engine in a process of its own, to its end.</summary>
    public static Task<(int ExitCode, string Output, string Error)> RunScriptAsync(string script,
        params (string Name, string? Value)[] environment) =>
        RunScriptAsync(script, [], environment);

    /// <summary>The same in surroundings of its own, which a program before it makes.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunScriptAsync(string script, string[] before,
        params (string Name, string? Value)[] environment)
    {
        using Process process = StartScript(script, before, environment);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(4));
        return (process.ExitCode, (await output).Trim(), (await error).Trim());
    }

    /// <summary>The full path of a program, or null where PATH has none.</summary>
    public static string? OnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(f => new[] { Path.Combine(f, program), Path.Combine(f, program + ".exe") }).FirstOrDefault(File.Exists);

    /// <summary>True where a program is there and ends well.</summary>
    public static bool Runs(string program, params string[] arguments)
    {
        if (OnPath(program) is null) return false;
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    /// <summary>A port of the loopback address that nobody listens on.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
