using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Architectures;

/// <summary>How source files are divided: sizes and folders of all code, the rest of the engine's.</summary>
public sealed partial class SourceTests
{
    private static readonly string Folder = Path.GetFullPath(Path.Combine(Here(), "../../../src/Woodgrove.Citus.Core"));

    private static readonly string[] Files = FilesIn(Folder);

    private static readonly string Root = Path.GetFullPath(Path.Combine(Folder, "../.."));

    private static readonly string[] AllFiles = [.. FilesIn(Path.Combine(Root, "src")), .. FilesIn(Path.Combine(Root, "tests"))];

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
        var full = AllFiles.GroupBy(f => Path.GetRelativePath(Root, Path.GetDirectoryName(f)!))
            .Where(g => g.Count() > 24 && !g.Key.EndsWith("Checks", StringComparison.Ordinal));

        Assert.Empty(full.Select(g => $"{g.Key}: {g.Count()}"));
    }

    [Fact]
    public void At_most_one_line_in_200_is_longer_than_140_columns_and_files_stay_small()
    {
        Assert.All([Files, AllFiles], files =>
        {
            string[][] lines = [.. files.Select(File.ReadAllLines)];

            Assert.InRange(lines.Sum(f => f.Count(l => l.Length > 140)) / (double)lines.Sum(f => f.Length), 0, 0.005);
            Assert.InRange(lines.Select(f => f.Length).Order().ElementAt(lines.Length / 2), 1, 89);
        });
    }

    [Fact]
    public void A_class_has_at_most_six_fields_that_change()
    {
        // Those that have more; the list may only get shorter, and its numbers smaller.
        var known = new Dictionary<string, int>
        {
            ["Csv.CsvInput"] = 7, ["Csv.CsvRecordReader"] = 16, ["Csv.Sources.GzipInput"] = 7, ["Csv.Sources.WebStream"] = 10,
        };

        var full = typeof(CitusException).Assembly.GetTypes().Where(t => t.IsClass && !IsGenerated(t)).Select(t => (
                Name: t.FullName!["Woodgrove.Citus.".Length..],
                Count: t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
                    .Count(f => !f.IsInitOnly && !IsParameter(f))))
            .Where(t => t.Count > known.GetValueOrDefault(t.Name, 6));

        Assert.Empty(full);

        static bool IsGenerated(Type? type) => type is not null
            && (type.Namespace?.StartsWith("Woodgrove", StringComparison.Ordinal) is not true
                || type.IsDefined(typeof(CompilerGeneratedAttribute)) || IsGenerated(type.DeclaringType));
        static bool IsParameter(FieldInfo field) => field.Name.EndsWith(">P", StringComparison.Ordinal); // of a primary constructor
    }

    [Fact]
    public void Errors_are_made_in_the_errors_of_their_area()
    {
        string[] files = [.. Files, .. FilesIn(Path.GetFullPath(Path.Combine(Folder, "../Woodgrove.Citus")))];

        var elsewhere = files.Where(f => !f.EndsWith("Errors.cs", StringComparison.Ordinal))
            .SelectMany(file => MadeError().Matches(Code(file)).Select(m => $"{Path.GetRelativePath(Folder, file)}: {m.Value}"));

        Assert.Empty(elsewhere);
    }

    [Fact]
    public void Only_errors_and_advice_name_cmdlets_and_parameters()
    {
        string[] pages = Directory.GetFiles(Path.Combine(Folder, "../../module/help"), "*-*.md");
        string cmdlets = string.Join('|', pages.Select(Path.GetFileNameWithoutExtension));
        string parameters = string.Join('|', pages.SelectMany(File.ReadLines).Where(l => l.StartsWith("### -", StringComparison.Ordinal))
            .Select(l => l["### -".Length..]).Distinct());
        var name = new Regex($@"(?<!\w)(?:{cmdlets}|-(?:{parameters}))(?!\w)");
        Assert.Matches(name, File.ReadAllText(Files.Single(f => Path.GetFileName(f) == "CsvErrors.cs")));

        var elsewhere = Files.Where(f => !Advises(f))
            .SelectMany(file => name.Matches(Code(file)).Select(m => $"{Path.GetRelativePath(Folder, file)}: {m.Value}"));

        Assert.Empty(elsewhere);
    }

    private static bool Advises(string file) => Path.GetFileName(file) is var name
        && (name.EndsWith("Errors.cs", StringComparison.Ordinal) || name.EndsWith("Advice.cs", StringComparison.Ordinal))
        || FolderOf(file) is "Plans/Advice" or "Validation/Checks";

    private static string[] FilesIn(string folder) => Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
        .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)).ToArray();

    private static string FolderOf(string file) =>
        Path.GetRelativePath(Folder, Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '/');

    /// <summary>A file's text without its comments.</summary>
    private static string Code(string file) => Comment().Replace(File.ReadAllText(file), "");

    private static string Here([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;

    [GeneratedRegex(@"^(?:(?:public|internal|file|sealed|static|abstract|partial|readonly|ref|unsafe) )*(?:class|struct|interface|enum|record struct|record class|record|delegate [\w.<>\[\]?, ()]+?) (\w+)", RegexOptions.Multiline)]
    private static partial Regex TopLevelType();

    [GeneratedRegex(@"new CitusException\(|""Citus\w+"",\s*CitusErrorKind\.\w+")]
    private static partial Regex MadeError();

    [GeneratedRegex(@"(?<=^|[\s;{}])//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();
}
