using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Woodgrove.Citus.Core.Tests.Architectures;

/// <summary>How the engine's source files are cut.</summary>
public sealed partial class SourceTests
{
    private static readonly string Folder = Path.GetFullPath(Path.Combine(Here(), "../../../src/Woodgrove.Citus.Core"));

    private static readonly string[] Files = Directory.GetFiles(Folder, "*.cs", SearchOption.AllDirectories)
        .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)).ToArray();

    [Fact]
    public void A_file_holds_one_type_under_its_name_in_the_namespace_of_its_folder()
    {
        Assert.NotEmpty(Files);
        var strays = Files.Select(file => (file, text: File.ReadAllText(file))).Where(f =>
        {
            string[] names = TopLevelType().Matches(f.text).Select(m => m.Groups[1].Value).Distinct().ToArray();
            string place = Path.GetRelativePath(Folder, Path.GetDirectoryName(f.file)!).Replace(Path.DirectorySeparatorChar, '.');
            return names is not [var name] || name != Path.GetFileNameWithoutExtension(f.file)
                || !f.text.Contains($"namespace Woodgrove.Citus.{place};", StringComparison.Ordinal);
        });

        Assert.Empty(strays.Select(f => Path.GetRelativePath(Folder, f.file)));
    }

    [Fact]
    public void A_folder_has_at_most_24_files_checks_aside()
    {
        var full = Files.GroupBy(f => Path.GetRelativePath(Folder, Path.GetDirectoryName(f)!))
            .Where(g => g.Count() > 24 && !g.Key.EndsWith("Checks", StringComparison.Ordinal));

        Assert.Empty(full.Select(g => $"{g.Key}: {g.Count()}"));
    }

    private static string Here([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;

    [GeneratedRegex(@"^(?:(?:public|internal|file|sealed|static|abstract|partial|readonly|ref|unsafe) )*(?:class|struct|interface|enum|record struct|record class|record|delegate [\w.<>\[\]?, ()]+?) (\w+)", RegexOptions.Multiline)]
    private static partial Regex TopLevelType();
}
