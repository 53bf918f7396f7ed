using System.Text.RegularExpressions;
using Woodgrove.Citus.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Help;

/// <summary>The help's examples, as a reader would type them.</summary>
public sealed partial class ExampleTests(ExampleRun run, ClusterFixture cluster) : ClusterTest(cluster), IClassFixture<ExampleRun>
{
    public static TheoryData<string, int> Examples
    {
        get
        {
            var examples = new TheoryData<string, int>();
            foreach (string cmdlet in Pages.CmdletNames)
            {
                for (int number = 1; number <= Pages.Read(cmdlet).Examples.Count; number++) examples.Add(cmdlet, number);
            }
            return examples;
        }
    }

    [Theory, MemberData(nameof(Examples))]
    public async Task It_runs_in_the_engine(string cmdlet, int number)
    {
        Require(cmdlet, number);
        ExampleResult result = (await run.Hosted)[(cmdlet, number)];
        if (result.State == "Missing") Assert.Skip($"needs pwsh, whose commands the bare engine lacks: {result.Text}");
        Assert.True(result.State == "Done", result.Text);
        Assert.Equal(Prints(cmdlet, number) is not null, result.Text.Trim().Length > 0);
    }

    [Theory, MemberData(nameof(Examples))]
    public async Task It_prints_in_pwsh_what_the_help_shows(string cmdlet, int number)
    {
        Require(cmdlet, number);
        if (Repository.OnPath("pwsh") is null) Assert.Skip("needs pwsh on the path");
        ExampleResult result = (await run.Pwsh)[(cmdlet, number)];
        Assert.True(result.State == "Done", result.Text);
        if (Prints(cmdlet, number) is { } shown) Assert.Contains(Lasting(shown).Split(" : ")[0], Lasting(result.Text));
        else Assert.Empty(result.Text.Trim());
    }

    private void Require(string cmdlet, int number)
    {
        Cluster.RequireSandbox();
        if (cmdlet.Contains("CitusQueryPlan", StringComparison.Ordinal) || cmdlet is "Get-CitusQueryFragment" or "Get-CitusTenant") Cluster.RequireCitus();
        if (cmdlet == "Get-CitusStatement" || (cmdlet, number) == ("Export-CitusReport", 3)) Cluster.RequireCitus();
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
