using System.Text.RegularExpressions;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>The workflows of .github, which run elsewhere: what they call is what is run by hand here.</summary>
public sealed partial class WorkflowTests
{
    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, ".github", "workflows")).Select(f => Path.GetFileName(f))];

    [Theory, MemberData(nameof(Files))]
    public void Every_step_is_a_call_of_the_build_script_with_tasks_that_there_are(string file)
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, ".github", "workflows", file));
        string[] tasks = Task().Match(File.ReadAllText(Path.Combine(Repository.Root, "build.ps1"))).Groups[1].Value.Split(", ")
            .Select(t => t.Trim('\'')).ToArray();
        string[] calls = [.. Step().Matches(text).Select(m => m.Groups[1].Value).Where(c => c != "brew install postgresql@17")];

        Assert.StartsWith("# Not yet run on GitHub", text);
        Assert.NotEmpty(calls);
        Assert.All(calls, call =>
        {
            Match match = Call().Match(call);
            Assert.True(match.Success, call);
            Assert.Subset(tasks.ToHashSet(), match.Groups[1].Value.Split(", ").ToHashSet());
        });
    }

    [GeneratedRegex(@"\[ValidateSet\(('Build'[^)]*)\)\]")]
    private static partial Regex Task();

    [GeneratedRegex(@"\brun: (\S.*)$", RegexOptions.Multiline)]
    private static partial Regex Step();

    [GeneratedRegex(@"^\./build\.ps1 -Task (\w+(?:, \w+)*)(?: -AllRuntimes)?$")]
    private static partial Regex Call();
}
