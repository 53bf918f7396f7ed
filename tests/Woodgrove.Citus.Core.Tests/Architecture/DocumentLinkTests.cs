using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Woodgrove.Citus.Core.Tests.Architectures;

/// <summary>What the documents for contributors point at is there: files, headings, the methods of walks, layers, variables.</summary>
public sealed partial class DocumentLinkTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(Here(), "../../.."));

    public static TheoryData<string> Documents => new(Directory.GetFiles(Path.Combine(Root, "docs"), "*.md")
        .Select(f => Path.GetRelativePath(Root, f)).Concat(["README.md", "CONTRIBUTING.md", "SECURITY.md"]));

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_relative_link_points_to_an_existing_file(string document)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Root, document))!;
        var missing = Links(document).Select(l => l.Target.Split('#')[0]).Where(t => t.Length > 0 && !Path.Exists(Path.Combine(folder, t)));

        Assert.Empty(missing.Distinct());
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_anchor_is_a_heading_of_its_document(string document)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Root, document))!;
        var missing = Links(document).Select(l => l.Target.Split('#')).Where(t => t.Length == 2).Where(t =>
        {
            string file = t[0].Length == 0 ? Path.Combine(Root, document) : Path.Combine(folder, t[0]);
            return !Heading().Matches(File.ReadAllText(file)).Select(h => Anchor(h.Groups[1].Value)).Contains(t[1]);
        });

        Assert.Empty(missing.Select(t => string.Join('#', t)));
    }

    /// <summary>A link whose text is <c>Type.Method</c>, in backticks, is to the file that has the method.</summary>
    [Fact]
    public void Every_hop_of_a_walk_is_in_its_file()
    {
        string folder = Path.Combine(Root, "docs");
        (string Member, string Target)[] hops = [.. Links("docs/architecture.md").Where(l => Member().IsMatch(l.Text))
            .Select(l => (l.Text.Trim('`').Split('.')[^1], l.Target))];

        var stray = hops.Where(h => !Regex.IsMatch(File.ReadAllText(Path.Combine(folder, h.Target)), $@"\b{h.Member}\b"));

        Assert.True(hops.Length > 40, $"{hops.Length} hops");
        Assert.Empty(stray.Select(h => $"{h.Member} in {h.Target}"));
    }

    [Fact]
    public void The_layers_of_the_architecture_are_those_that_hold()
    {
        var table = File.ReadLines(Path.Combine(Root, "docs/architecture.md")).SkipWhile(l => l != "## Layers")
            .SkipWhile(l => !l.StartsWith("|---", StringComparison.Ordinal)).Skip(1).TakeWhile(l => l.StartsWith('|'));

        Assert.Equal(LayerTests.Layers, table.SelectMany(l => Quoted().Matches(l.Split('|')[2]).Select(m => m.Groups[1].Value)));
    }

    [Fact]
    public void Every_environment_variable_of_the_tests_is_explained()
    {
        string contributing = File.ReadAllText(Path.Combine(Root, "CONTRIBUTING.md"));
        var names = Directory.GetFiles(Path.Combine(Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(f => Variable().Matches(File.ReadAllText(f)).Select(m => m.Groups[1].Value)).Distinct().ToArray();

        Assert.Contains("WOODGROVE_TEST_SEED", names);
        Assert.All(names, name => Assert.Contains($"| `{name}` |", contributing, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_test_of_a_fault_of_the_commit_protocol_exists()
    {
        string[] faults = [.. File.ReadLines(Path.Combine(Root, "docs/commit-protocol.md")).SkipWhile(l => l != "| Fault | Tests |")
            .Skip(2).TakeWhile(l => l.StartsWith('|'))];
        ILookup<string, string> sources = Directory.GetFiles(Path.Combine(Root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .ToLookup(f => Path.GetFileNameWithoutExtension(f), File.ReadAllText);

        // A class by itself stands for all of its tests.
        var unknown = faults.SelectMany(f => Quoted().Matches(f.Split('|')[2]).Select(m => m.Groups[1].Value.Split('.')))
            .Where(t => !sources[t[0]].Any(s => t.Length == 1 || s.Contains($" {t[1]}(", StringComparison.Ordinal)));

        Assert.True(faults.Length > 20, $"{faults.Length} faults");
        Assert.Empty(unknown.Select(t => string.Join('.', t)));
    }

    private static IEnumerable<(string Text, string Target)> Links(string document) =>
        Link().Matches(Code().Replace(File.ReadAllText(Path.Combine(Root, document)), ""))
            .Select(m => (m.Groups["text"].Value, m.Groups["target"].Value))
            .Where(l => !l.Item2.Contains(':', StringComparison.Ordinal));

    /// <summary>As GitHub makes it of a heading: lower case, without punctuation, hyphens for spaces.</summary>
    private static string Anchor(string heading) =>
        new([.. heading.Trim().ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')
            .Select(c => c == ' ' ? '-' : c)]);

    private static string Here([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;

    [GeneratedRegex(@"\[(?<text>[^\]]*)\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"GetEnvironmentVariable\(""(\w+)""\)")]
    private static partial Regex Variable();

    [GeneratedRegex(@"^`\w+\.\w+`$")]
    private static partial Regex Member();
}
