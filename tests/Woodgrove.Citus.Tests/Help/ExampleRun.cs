using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Woodgrove.Citus.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Help;

/// <summary>
/// All examples of the help, run one after the other in a process of its own with a sandbox of its own: some stop
/// every sandbox and close every connection.
/// </summary>
public sealed class ExampleRun : IDisposable
{
    /// <summary>Cmdlets whose examples make what others look at come first, those that end the sandbox last.</summary>
    private static readonly string[] First = ["New-DistributedTable", "New-ReferenceTable", "Import-CsvToCitus", "Add-CitusRow",
        "Get-CitusImport", "Remove-CitusImport"];
    private static readonly string[] Last = ["New-CitusSampleData", "Connect-CitusCluster", "Disconnect-CitusCluster", "Stop-CitusSandbox",
        "Start-CitusSandbox"];
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("woodgrove-examples-");
    private readonly ConcurrentDictionary<string, Task<IReadOnlyDictionary<(string, int), ExampleResult>>> _runs = [];

    /// <summary>What each example did in a shell, which runs all of them when it is first asked.</summary>
    public Task<IReadOnlyDictionary<(string Cmdlet, int Number), ExampleResult>> ResultsAsync(string shell) =>
        _runs.GetOrAdd(shell, RunAsync);

    /// <summary>What no sandbox can run, with the reason.</summary>
    public static string? NotRun(string cmdlet, int number) => (cmdlet, number) switch
    {
        ("Connect-CitusCluster", >= 3) => "needs a cluster on Azure",
        ("Copy-CitusTable", _) => "needs two clusters",
        ("Import-CsvToCitus", 9) => "needs nodes with private names",
        ("Get-CitusActivity" or "Get-CitusLockWait", 1) => "needs other sessions at work",
        ("Get-CitusStatement", 2) => "prints what the examples before it have run",
        ("Repair-CitusCluster", _) => "prints what the examples before it have left behind",
        ("Start-ShardRebalance" or "Get-ShardRebalance" or "Stop-ShardRebalance", 1) => "needs shards that lie unevenly",
        ("Move-ShardPlacement" or "Split-Shard" or "Split-Tenant" or "Add-CitusNode" or "Set-CitusNode" or "Remove-CitusNode", _) =>
            "changes shards and nodes that other examples show; TransferTests and NodeTests have each",
        ("Add-CitusNodeClone" or "Get-CitusNodeClone" or "Complete-CitusNodeClone", _) => "needs a replica of a node; CloneTests make one",
        ("Wait-CitusJob" or "Stop-CitusJob" or "Wait-ShardRebalance", _) => "needs a job that runs",
        ("Stop-ShardRebalance", 3) => "needs a rebalance that runs",
        _ => null,
    };

    public void Dispose() => _folder.Delete(recursive: true);

    private static IEnumerable<string> Ordered => First.Concat(Pages.CmdletNames.Except(First).Except(Last)).Concat(Last);

    private string Script(string shell)
    {
        DirectoryInfo folder = _folder.CreateSubdirectory(shell);
        // Started by root, a sandbox's servers run as another account, which makes their folder.
        if (!OperatingSystem.IsWindows()) _folder.UnixFileMode = folder.UnixFileMode = (UnixFileMode)0b111_111_111;
        var script = new StringBuilder(File.ReadAllText(Path.Combine(Repository.Root, "tests", "Woodgrove.Citus.Tests", "Help",
            "Examples.ps1")));
        script.AppendLine().AppendLine($"Initialize '{folder.FullName}' '{ClusterFixture.Engine}'");
        foreach (string cmdlet in Ordered)
        {
            IReadOnlyList<CmdletExample> examples = Pages.Read(cmdlet).Examples;
            for (int number = 1; number <= examples.Count; number++)
            {
                if (NotRun(cmdlet, number) is not null) continue;
                if (cmdlet.StartsWith("New-", StringComparison.Ordinal) && number == 1 && cmdlet != "New-CitusSampleData")
                    script.AppendLine("Reset None");
                else if (cmdlet is "Import-CsvToCitus" or "Add-CitusRow" or "Test-CitusCsv") script.AppendLine("Reset Empty");
                else if (number == 1 && !Last.Contains(cmdlet)) script.AppendLine("Reset Loaded");
                script.AppendLine($"Example {cmdlet} {number} "
                    + $"'{Convert.ToBase64String(Encoding.UTF8.GetBytes(examples[number - 1].Code.Replace("PS C:\\> ", "")))}'");
            }
        }
        return script.AppendLine("Stop-CitusSandbox").ToString();
    }

    private async Task<IReadOnlyDictionary<(string, int), ExampleResult>> RunAsync(string shell)
    {
        string file = Path.Combine(_folder.FullName, $"{shell}.ps1");
        await File.WriteAllTextAsync(file, $"Import-Module '{Repository.Manifest}'\n{Script(shell)}");
        using (Process process = Process.Start(Pwsh.StartInfo(shell, "-File", file))!)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(Patience);
            string complaint = await error;
            var results = new Dictionary<(string, int), ExampleResult>();
            foreach (string[] parts in (await output).Split('\n').Select(l => l.Trim().Split('|')).Where(p => p is ["@@", _, _, _, _]))
                results[(parts[1], int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture))] = new ExampleResult(parts[3],
                    Encoding.UTF8.GetString(Convert.FromBase64String(parts[4])));
            if (results.Count == 0) throw new InvalidOperationException($"The examples did not run: {complaint}");
            return results;
        }
    }
}

/// <param name="State">Done or Failed.</param>
/// <param name="Text">What was printed, or what failed.</param>
public sealed record ExampleResult(string State, string Text);
