using System.Globalization;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>What importing the module adds to starting pwsh.</summary>
internal static class StartupBenchmark
{
    public static int Run(Options options)
    {
        int runs = options.Number("runs", 10);
        var report = new Report("startup", "Import-Module over starting pwsh alone");
        report.Paragraph($"Whole processes, {runs} rounds; {Child.PwshVersion}.");
        report.Table(["", "alone, ms", "with the module, ms", "difference, ms"], Compare(runs));
        report.Save();
        return 0;
    }

    /// <summary>By the clock, and by the processor, whose time other processes take less from.</summary>
    private static string[][] Compare(int runs)
    {
        (Samples alone, Samples module, Samples difference) = (new("alone"), new("module"), new("difference"));
        (Samples aloneBusy, Samples moduleBusy, Samples differenceBusy) = (new("alone"), new("module"), new("difference"));
        for (int round = 0; round <= runs; round++)
        {
            // The idle one runs a built-in command too, so that only the module makes the difference.
            (double Clock, double Busy) a = Milliseconds("$null = Get-Command Import-Module");
            (double Clock, double Busy) b = Milliseconds($"Import-Module '{Metadata.ModuleManifest}'");
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
            ["by the clock", Report.Spread(alone, 0), Report.Spread(module, 0), Report.Spread(difference, 0)],
            ["processor time", Report.Spread(aloneBusy, 0), Report.Spread(moduleBusy, 0), Report.Spread(differenceBusy, 0)],
        ];
    }

    private static (double Clock, double Busy) Milliseconds(string script)
    {
        (double seconds, string output) = Child.RunScript(script
            + "; [System.Diagnostics.Process]::GetCurrentProcess().TotalProcessorTime.TotalMilliseconds");
        return (seconds * 1000, double.Parse(output, CultureInfo.InvariantCulture));
    }
}
