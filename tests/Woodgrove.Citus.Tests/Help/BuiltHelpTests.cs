using System.Text.RegularExpressions;
using Woodgrove.Citus.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Help;

/// <summary>The files in module/en-US, the about topics, the table of errors and the README's list.</summary>
public sealed partial class BuiltHelpTests(ClusterFixture cluster)
{
    public static TheoryData<string> Topics => [.. Pages.TopicNames];

    [Fact]
    public void What_is_built_is_up_to_date()
    {
        (string Name, string Text)[] built = [.. HelpFolder.Build(Pages.Folder, Repository.Manifest)];

        Assert.Equal(built.Select(b => b.Name).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(Pages.BuiltFolder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        foreach ((string name, string text) in built)
        {
            Assert.True(text == File.ReadAllText(Path.Combine(Pages.BuiltFolder, name)).ReplaceLineEndings("\n"),
                $"module/en-US/{name} is not what module/help says: dotnet run --project src/Woodgrove.Citus.Help");
        }
    }

    [Theory, MemberData(nameof(Topics))]
    public void Get_Help_shows_the_topic_80_columns_wide(string topic)
    {
        string text = cluster.Shell.Run($"Get-Help {topic}").Single.ToString();

        Assert.StartsWith("TOPIC", text);
        Assert.Contains(topic, text);
        Assert.All(text.Split('\n').Where(l => l.TrimStart().Contains(' ')), line => Assert.InRange(line.TrimEnd().Length, 0, 84));
    }

    [Fact]
    public void Four_topics_are_there() =>
        Assert.Equal(["about_Citus_Distribution", "about_Citus_Ingest", "about_Citus_Migration", "about_Citus_Queries",
            "about_Woodgrove_Citus"], Pages.TopicNames);

    [Fact]
    public void Every_error_id_of_the_code_has_its_row_with_cause_and_cure()
    {
        string[] code = [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}"))
            .SelectMany(File.ReadAllLines)
            .Where(l => !l.TrimStart().StartsWith("//", StringComparison.Ordinal) && !l.Contains("[Cmdlet(", StringComparison.Ordinal))
            .SelectMany(l => Id().Matches(l).Select(m => m.Groups[1].Value)).Distinct().Order(StringComparer.Ordinal)];
        string[][] rows = [.. File.ReadLines(Path.Combine(Pages.Folder, "errors.md"))
            .Where(l => l.StartsWith("| `", StringComparison.Ordinal))
            .Select(l => l.Trim('|', ' ').Split(" | "))];

        Assert.All(rows, row => Assert.True(row.Length == 3 && row.All(cell => cell.Length > 0), string.Join(" | ", row)));
        Assert.Equal(code, rows.Select(row => row[0].Trim('`')).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void README_has_a_line_for_every_cmdlet() =>
        Assert.Equal(
            Pages.CmdletNames,
            File.ReadLines(Path.Combine(Repository.Root, "README.md")).Select(l => Row().Match(l)).Where(m => m.Success)
                .Select(m => m.Groups[1].Value).Order(StringComparer.Ordinal));

    [GeneratedRegex("\"(Citus[A-Z][A-Za-z]+)\"")]
    private static partial Regex Id();

    [GeneratedRegex(@"^\| \[([A-Z][A-Za-z]+-\w+)\]\(module/help/\1\.md\) \| .+ \|$")]
    private static partial Regex Row();
}
