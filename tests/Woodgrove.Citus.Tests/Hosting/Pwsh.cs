using System.Diagnostics;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>A real pwsh, where there is one.</summary>
internal static class Pwsh
{
    /// <summary>Runs a script to its end, or skips the test visibly where there is no pwsh, or no Pester that it needs.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string script, bool needsPester = false, params (string Name, string? Value)[] environment)
    {
        if (Repository.OnPath("pwsh") is not { } pwsh)
        {
            Assert.Skip("needs pwsh on the path");
            return default;
        }
        string file = Path.Combine(Path.GetTempPath(), $"woodgrove-{Guid.NewGuid():N}.ps1");
        string pester = needsPester ? "if (-not (Import-Module Pester -MinimumVersion 5.0 -PassThru -ErrorAction Ignore)) { exit 77 }\n" : "";
        await File.WriteAllTextAsync(file, $"$ErrorActionPreference = 'Stop'\n$PSStyle.OutputRendering = 'PlainText'\n{pester}Import-Module '{Repository.Manifest}'\n{script}\n");
        try
        {
            var start = new ProcessStartInfo(pwsh, ["-NoProfile", "-NonInteractive", "-File", file])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardOutputEncoding = System.Text.Encoding.UTF8,
            };
            foreach ((string name, string? value) in environment) start.Environment[name] = value;
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(3));
            if (needsPester && process.ExitCode == 77) Assert.Skip("needs Pester 5 in pwsh");
            return (process.ExitCode, (await output).Trim(), (await error).Trim());
        }
        finally
        {
            File.Delete(file);
        }
    }
}
