using Woodgrove.Citus.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Help;

/// <summary>The Markdown that the help is built from.</summary>
internal static class Pages
{
    public static string Folder => Path.Combine(Repository.Root, "module", "help");
    public static string BuiltFolder => Path.Combine(Repository.Root, "module", "en-US");

    public static IReadOnlyList<string> CmdletNames { get; } =
        [.. Directory.EnumerateFiles(Folder, "*-*.md").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    public static IReadOnlyList<string> TopicNames { get; } =
        [.. Directory.EnumerateFiles(Folder, "about_*.md").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    public static CmdletPage Read(string cmdlet) => CmdletPage.Parse(cmdlet, File.ReadAllText(Path.Combine(Folder, cmdlet + ".md")));
}
