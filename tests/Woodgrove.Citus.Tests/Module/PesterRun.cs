using System.Collections.Concurrent;
using System.Text.Json;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>tests/Pester, run once in each shell with each version of Pester.</summary>
public sealed class PesterRun
{
    private readonly ConcurrentDictionary<(string, string), Task<IReadOnlyList<PesterResult>>> _runs = [];

    public static string Folder => Path.Combine(Repository.Root, "tests", "Pester");

    /// <summary>What became of each test, under the name that the file gives it; the suite runs when it is first asked.</summary>
    public Task<IReadOnlyList<PesterResult>> ResultsAsync(string shell, string pester) => _runs.GetOrAdd((shell, pester), RunAsync);

    private static async Task<IReadOnlyList<PesterResult>> RunAsync((string Shell, string Pester) by)
    {
        (int code, string output, string error) = await Pwsh.RunAsync(by.Shell, $$"""
            $run = Invoke-Pester '{{Folder}}' -PassThru -Output None
            if ($broken = @($run.Containers.ErrorRecord; $run.Containers.Blocks.ErrorRecord) -ne $null) { throw ($broken -join "`n") }
            ConvertTo-Json @($run.Tests | ForEach-Object {
                @{ Name = "$($_.Name)"; Path = $_.ExpandedPath; Result = "$($_.Result)"; Message = "$($_.ErrorRecord)" }
            })
            """, by.Pester);
        if (code != 0) throw new InvalidOperationException($"The Pester suite did not run: {error}{output}");
        return JsonSerializer.Deserialize<List<PesterResult>>(output)!;
    }
}

/// <param name="Name">As it stands in the file; a test that runs for several values has it several times.</param>
/// <param name="Path">With the blocks around it and the values in it.</param>
public sealed record PesterResult(string Name, string Path, string Result, string Message);
