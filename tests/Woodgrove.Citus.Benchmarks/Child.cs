using System.Diagnostics;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>Whole processes, from start to end.</summary>
internal static class Child
{
    private static readonly string ProgramSuffix = OperatingSystem.IsWindows() ? ".exe" : "";

    /// <summary>The pwsh of the path, or else the one that this project builds.</summary>
    private static readonly string Pwsh = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Append(Metadata.Shell).Select(folder => Path.Combine(folder, "pwsh" + ProgramSuffix)).First(File.Exists);

    /// <summary>What runs scripts in a process of their own here.</summary>
    public static string PwshVersion { get; } = Run(Pwsh, "-NoProfile", "-Command", "\"PowerShell $($PSVersionTable.PSVersion)\"").Output;

    /// <summary>Runs a script in pwsh; an error ends it.</summary>
    public static (double Seconds, string Output) RunScript(string script) =>
        Run(Pwsh, "-NoProfile", "-NonInteractive", "-Command", "$ErrorActionPreference = 'Stop'; " + script);

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
