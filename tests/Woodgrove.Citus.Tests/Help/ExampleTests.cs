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
        if (Shown(cmdlet, number) is not { } shown) Assert.Empty(result.Text.Trim());
        else Assert.True(Regex.IsMatch(Lasting(result.Text), Pattern(shown, IsWhole(cmdlet, number)), RegexOptions.Singleline),
            $"The help shows:\n{shown}\nIt printed:\n{result.Text}");
    }

    [Theory]
    [InlineData("a  1\nb 2", "a 10 b 3.5", true)]
    [InlineData("a 1\n...", "a 1 b 2", true)]
    [InlineData("a 1\nlong te…", "a 1\nlong text", true)]
    [InlineData("a 1", "a 1 b 2", false)]
    [InlineData("a 1 b 2", "a 1", false)]
    [InlineData("(… 47)", "(… 47, woodgrove_row)", false)]
    public void Outputs_are_compared_whole(string shown, string printed, bool isSame) =>
        Assert.Equal(isSame, Regex.IsMatch(Lasting(printed), Pattern(shown, isWhole: true), RegexOptions.Singleline));

    private void Require(string cmdlet, int number)
    {
        Cluster.RequireSandbox();
        if (cmdlet.Contains("CitusQueryPlan", StringComparison.Ordinal) || cmdlet is "Get-CitusQueryFragment" or "Get-CitusTenant")
            Cluster.RequireCitus();
        if (OnCitusAlone().IsMatch(cmdlet) || (cmdlet, number) == ("Invoke-CitusQuery", 6)) Cluster.RequireCitus();
        if (cmdlet == "Get-CitusStatement" || (cmdlet, number) == ("Export-CitusReport", 3)) Cluster.RequireCitus();
        if ((cmdlet, number) == ("Export-CitusSchema", 3)) Cluster.RequireCitus(); // pg_dump would show the stand-in's partitions
        if (ExampleRun.NotRun(cmdlet, number) is { } reason) Assert.Skip(reason);
    }

    /// <summary>Cmdlets that the stand-in refuses.</summary>
    [GeneratedRegex("TimePartition$|CitusRestorePoint$|DistributedSchema$|ColumnarTable$|^Set-DistributedTable$")]
    private static partial Regex OnCitusAlone();

    /// <summary>What the help shows; null where nothing goes down the pipeline (-WhatIf writes to the screen).</summary>
    private static string? Shown(string cmdlet, int number) => Pages.Read(cmdlet).Examples[number - 1].Output is { } output
        && string.Join('\n', output.Split('\n').Where(l => !l.StartsWith("What if:", StringComparison.Ordinal))) is { Length: > 0 } shown
        ? shown : null;

    /// <summary>
    /// Whether the whole output is the same in every run on a cluster with Citus, which the help shows. Of the stand-in's, and where
    /// other sessions and earlier statements are listed, only the first line is.
    /// </summary>
    private bool IsWhole(string cmdlet, int number) => Cluster.IsCitus
        && (cmdlet, number) is not (("Get-CitusActivity", 2) or ("Get-CitusStatement", 1));

    /// <summary>A line of three dots stands for lines that the help leaves out, an ellipsis for the rest of a value.</summary>
    private static string Pattern(string shown, bool isWhole) => isWhole
        ? $"^{Regex.Escape(Lasting(shown)).Replace(@"\.\.\.", ".*").Replace("…", ".*")}$"
        : Regex.Escape(Lasting(shown.Split('\n')[0].Split(" : ")[0]));

    /// <summary>
    /// What is the same in every run and at every width of the screen: the words without the space between them and the lines under
    /// headings, with a mark in place of each number, bar, generated name and path.
    /// </summary>
    private static string Lasting(string text) => string.Concat(text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
        .Where(word => word.Trim('-').Length > 0).Select(word => word.Contains('/') ? "/" : Varying().Replace(word, "#")));

    [GeneratedRegex("woodgrove-citus-[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]+([.,:][0-9]+)*|[█▉▊▋▌▍▎▏]+")]
    private static partial Regex Varying();
}
