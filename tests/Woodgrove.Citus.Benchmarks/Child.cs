using System.Diagnostics;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>Whole processes, from start to end.</summary>
internal static class Child
{
    /// <summary>pwsh, where PATH has it.</summary>
    public static string? Pwsh { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "pwsh.exe" : "pwsh")).FirstOrDefault(File.Exists);

    /// <summary>What runs scripts in a process of their own here.</summary>
    public static string ScriptHostName { get; } = Pwsh is null ? "PowerShell engine, hosted"
        : $"PowerShell {Run(Pwsh, "--version").Output.Split(' ')[^1]}";

    public static (double Seconds, string Output) RunPwsh(string script) => Run(Pwsh!, "-NoProfile", "-NonInteractive", "-Command", script);

    public static (double Seconds, string Output) RunHost(string script) => RunSelf(ScriptHost.Command, script);

    /// <summary>Runs a script in pwsh where there is one, else in this program's own host.</summary>
    public static (double Seconds, string Output) RunScript(string script)
    {
        script = "$ErrorActionPreference = 'Stop'; " + script;
        return Pwsh is null ? RunHost(script) : RunPwsh(script);
    }

    /// <summary>Runs a script on the module, and says too how much memory the process has held at most.</summary>
    public static (double Seconds, long PeakBytes) RunOnModule(string script)
    {
        (double seconds, string output) = RunScript(
            $"Import-Module '{Metadata.ModuleManifest}'; {script}; [System.Diagnostics.Process]::GetCurrentProcess().PeakWorkingSet64");
        return (seconds, long.Parse(output.Split('\n')[^1], System.Globalization.CultureInfo.InvariantCulture));
    }

    public static (double Seconds, string Output) RunSelf(params string[] arguments) => Run(Environment.ProcessPath!, arguments);

    /// <summary>Runs a program to its end; failing is an exception.</summary>
    public static (double Seconds, string Output) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        var clock = Stopwatch.StartNew();
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        double seconds = clock.Elapsed.TotalSeconds;
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{Path.GetFileName(program)} failed with exit code {process.ExitCode}: "
                + $"{errors.Result}{output}");
        return (seconds, output.Trim());
    }
}
