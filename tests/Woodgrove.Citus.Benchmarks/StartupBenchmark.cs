using System.Globalization;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>What importing the module adds to starting a process with the engine.</summary>
internal static class StartupBenchmark
{
    public static int Run(Options options)
    {
        int runs = options.Number("runs", 10);
        var report = new Report("startup", "Import-Module over starting the engine alone");
        report.Paragraph($"Whole processes, {runs} rounds; {Child.ScriptHostName}.");
        var rows = new List<string[]>(Compare("engine, hosted", Child.RunHost, runs));
        if (Child.Pwsh is not null) rows.AddRange(Compare("pwsh", Child.RunPwsh, runs));
        report.Table(["host", "alone, ms", "with the module, ms", "difference, ms"], rows);
        report.Save();
        return 0;
    }

    /// <summary>By the clock, and by the processor, whose time other processes take less from.</summary>
    private static string[][] Compare(string host, Func<string, (double Seconds, string Output)> run, int runs)
    {
        (Samples alone, Samples module, Samples difference) = (new("alone"), new("module"), new("difference"));
        (Samples aloneBusy, Samples moduleBusy, Samples differenceBusy) = (new("alone"), new("module"), new("difference"));
        for (int round = 0; round <= runs; round++)
        {
            // The idle one runs a built-in command too, so that only the module makes the difference.
            (double Clock, double Busy) a = Milliseconds(run, "$null = Get-Command Import-Module");
            (double Clock, double Busy) b = Milliseconds(run, $"Import-Module '{Metadata.ModuleManifest}'");
            if (round == 0) continue;
            alone.Add(a.Clock);
            module.Add(b.Clock);
            difference.Add(b.Clock - a.Clock);
            aloneBusy.Add(a.Busy);
            moduleBusy.Add(b.Busy);
            differenceBusy.Add(b.Busy - a.Busy);
        }
        return
        [
            [$"{host}, by the clock", Report.Spread(alone, 0), Report.Spread(module, 0), Report.Spread(difference, 0)],
            [$"{host}, processor time", Report.Spread(aloneBusy, 0), Report.Spread(moduleBusy, 0), Report.Spread(differenceBusy, 0)],
        ];
    }

    private static (double Clock, double Busy) Milliseconds(Func<string, (double Seconds, string Output)> run, string script)
    {
        (double seconds, string output) = run(script
            + "; [System.Diagnostics.Process]::GetCurrentProcess().TotalProcessorTime.TotalMilliseconds");
        return (seconds * 1000, double.Parse(output, CultureInfo.InvariantCulture));
    }
}
