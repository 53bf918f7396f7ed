using System.Text.RegularExpressions;
using Woodgrove.Citus.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Help;

/// <summary>The help's examples, as a reader would type them.</summary>
public sealed partial class ExampleTests(ExampleRun run, ClusterFixture cluster) : ClusterTest(cluster), IClassFixture<ExampleRun>
{
    public static TheoryData<string, string, int> Examples
    {
        get
        {
            var examples = new TheoryData<string, string, int>();
            foreach (string shell in Pwsh.Shells.Select(s => s.Data))
            {
                foreach (string cmdlet in Pages.CmdletNames)
                {
                    for (int number = 1; number <= Pages.Read(cmdlet).Examples.Count; number++) examples.Add(shell, cmdlet, number);
                }
            }
            return examples;
        }
    }

    [Theory, MemberData(nameof(Examples))]
    public async Task It_prints_in_pwsh_what_the_help_shows(string shell, string cmdlet, int number)
    {
        Require(cmdlet, number);
        ExampleResult result = (await run.ResultsAsync(shell))[(cmdlet, number)];
        Assert.True(result.State == "Done", result.Text);
        if (Prints(cmdlet, number) is { } shown) Assert.True(
            Lasting(result.Text).Contains(Lasting(shown).Split(" : ")[0], StringComparison.Ordinal),
            $"The help shows: {shown}\nIt printed: {result.Text}");
        else Assert.Empty(result.Text.Trim());
    }

    private void Require(string cmdlet, int number)
    {
        Cluster.RequireSandbox();
        if (cmdlet.Contains("CitusQueryPlan", StringComparison.Ordinal) || cmdlet is "Get-CitusQueryFragment" or "Get-CitusTenant")
            Cluster.RequireCitus();
        if (cmdlet == "Get-CitusStatement" || (cmdlet, number) == ("Export-CitusReport", 3)) Cluster.RequireCitus();
        if ((cmdlet, number) == ("Export-CitusSchema", 3)) Cluster.RequireCitus(); // pg_dump would show the stand-in's partitions
        if (ExampleRun.NotRun(cmdlet, number) is { } reason) Assert.Skip(reason);
    }

    /// <summary>The first line that the help shows; null where nothing goes down the pipeline (-WhatIf writes to the screen).</summary>
    private static string? Prints(string cmdlet, int number)
    {
        CmdletExample example = Pages.Read(cmdlet).Examples[number - 1];
        return example.Output?.Split('\n').FirstOrDefault(l => l.Length > 0 && !l.StartsWith("What if:", StringComparison.Ordinal));
    }

    /// <summary>The words that are the same in every run: ids, ports, sizes, times and paths are not.</summary>
    private static string Lasting(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
        .Select(word => word.Contains('/') ? "/" : Varying().Replace(word, "#")));

    [GeneratedRegex("woodgrove-citus-[0-9a-f]+|[0-9]+([.,][0-9]+)*")]
    private static partial Regex Varying();
}
