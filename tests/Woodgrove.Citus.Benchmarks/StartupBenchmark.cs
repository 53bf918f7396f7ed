namespace Woodgrove.Citus.Benchmarks;

/// <summary>What importing the module adds to starting a process with the engine.</summary>
internal static class StartupBenchmark
{
    public static int Run(Options options)
    {
        int runs = options.Number("runs", 10);
        var report = new Report("startup", "Import-Module over starting the engine alone");
        report.Paragraph($"Whole processes, {runs} rounds; {Child.ScriptHostName}.");
        var rows = new List<string[]> { Compare("engine, hosted", Child.RunHost, runs) };
        if (Child.Pwsh is not null) rows.Add(Compare("pwsh", Child.RunPwsh, runs));
        report.Table(["host", "alone, ms", "with the module, ms", "difference, ms"], rows);
        report.Save();
        return 0;
    }

    private static string[] Compare(string host, Func<string, (double Seconds, string Output)> run, int runs)
    {
        (Samples alone, Samples module, Samples difference) = (new("alone"), new("module"), new("difference"));
        for (int round = 0; round <= runs; round++)
        {
            // The idle one loads a built-in command too, so that only the module makes the difference.
            double a = run("$null = Get-Command Import-Module").Seconds * 1000;
            double b = run($"Import-Module '{Metadata.ModuleManifest}'").Seconds * 1000;
            if (round == 0) continue;
            alone.Add(a);
            module.Add(b);
            difference.Add(b - a);
        }
        return [host, Report.Spread(alone, 0), Report.Spread(module, 0), Report.Spread(difference, 0)];
    }
}
