using System.Text.RegularExpressions;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>Each test of tests/Pester.</summary>
public sealed partial class PesterTests(PesterRun run) : IClassFixture<PesterRun>
{
    public static TheoryData<string, string, string> Tests => new(
        from name in Directory.GetFiles(PesterRun.Folder, "*.Tests.ps1").SelectMany(File.ReadLines)
            .Select(line => It().Match(line).Groups[1].Value)
        where name.Length > 0
        from run in Pwsh.WithPester
        select (run.Data.Item1, run.Data.Item2, name));

    [Theory, MemberData(nameof(Tests))]
    public async Task It_passes(string shell, string pester, string name)
    {
        PesterResult[] results = [.. (await run.ResultsAsync(shell, pester)).Where(r => r.Name == name)];

        Assert.NotEmpty(results);
        Assert.All(results, r => Assert.True(r.Result == "Passed", $"{r.Path}: {r.Result} {r.Message}"));
    }

    [GeneratedRegex("^ *It '([^']+)'")]
    private static partial Regex It();
}
