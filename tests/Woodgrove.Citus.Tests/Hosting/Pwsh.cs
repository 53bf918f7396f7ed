using System.Diagnostics;
using System.Text;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>
/// The PowerShells that scripts are run in: the one built from packages, which is always there, and the one on PATH, if any.
/// </summary>
public static class Pwsh
{
    private const string Packaged = "packaged", Installed = "installed";
    private static readonly string? OnPath = Repository.OnPath("pwsh");

    /// <summary>Each version of Pester from 5 on, with the manifest to import, by shell.</summary>
    private static readonly Lazy<Dictionary<string, (string Version, string Manifest)[]>> Pesters =
        new(() => Names.ToDictionary(shell => shell, FindPester));

    private static IEnumerable<string> Names => OnPath is null ? [Packaged] : [Packaged, Installed];

    public static TheoryData<string> Shells => new(Names);

    /// <summary>Each shell with each version of Pester.</summary>
    public static TheoryData<string, string> WithPester =>
        new(Names.SelectMany(shell => Pesters.Value[shell].Select(pester => (shell, pester.Version))));

    public static ProcessStartInfo StartInfo(string shell, params string[] arguments)
    {
        (string program, string[] first) = shell == Installed ? (OnPath!, Array.Empty<string>()) : ("dotnet", [Repository.Shell]);
        return new ProcessStartInfo(program, [.. first, "-NoProfile", "-NonInteractive", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
    }

    /// <summary>Runs a script with the module, and the version of Pester where one is given, to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string shell, string script, string? pester = null, params (string Name, string? Value)[] environment)
    {
        string import = pester is null ? "" : $"Import-Module '{Pesters.Value[shell].Single(p => p.Version == pester).Manifest}'\n";
        string file = Path.Combine(Path.GetTempPath(), $"woodgrove-{Guid.NewGuid():N}.ps1");
        await File.WriteAllTextAsync(file, "$ErrorActionPreference = 'Stop'\n$PSStyle.OutputRendering = "
            + $"'PlainText'\n{import}Import-Module '{Repository.Manifest}'\n{script}\n");
        try
        {
            ProcessStartInfo start = StartInfo(shell, "-File", file);
            foreach ((string name, string? value) in environment) start.Environment[name] = value;
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(3));
            return (process.ExitCode, (await output).Trim(), (await error).Trim());
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>What the shell itself finds; the versions of the package for an installed pwsh that finds none.</summary>
    private static (string Version, string Manifest)[] FindPester(string shell)
    {
        const string List = "Get-Module Pester -ListAvailable | Where-Object { $_.Version.Major -ge 5 } | ForEach-Object { "
            + "\"$($_.Version)|$($_.Path)\" }";
        using Process process = Process.Start(StartInfo(shell, "-Command", List))!;
        string[] lines = process.StandardOutput.ReadToEnd()
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        var found = lines.Select(l => l.Split('|')).Select(l => (Version: l[0], Manifest: l[1])).DistinctBy(p => p.Version).Order()
            .ToArray();
        return found.Length > 0 || shell == Packaged ? found : FindPester(Packaged);
    }
}
