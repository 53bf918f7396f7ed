using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace Woodgrove.Citus.Help;

/// <summary>What module/en-US has to hold for a folder of Markdown.</summary>
public static partial class HelpFolder
{
    /// <summary>The files' names and texts: one MAML file for all cmdlets, one text file for each about topic.</summary>
    /// <param name="manifest">The module's manifest: <c>Get-Help -Online</c> leads to the pages below its ProjectUri.</param>
    /// <exception cref="FormatException">A page is not of PlatyPS's form; the message names page and place.</exception>
    public static IEnumerable<(string Name, string Text)> Build(string folder, string manifest)
    {
        string[] pages = [.. Directory.EnumerateFiles(folder, "*.md").Order(StringComparer.Ordinal)];
        string online = ProjectUri().Match(File.ReadAllText(manifest)).Groups[1].Value + "/blob/main/module/help/";
        // A cmdlet's page is named for it; others, such as errors.md, are read where they stand.
        IEnumerable<XElement> commands = pages.Where(p => Path.GetFileName(p).Contains('-', StringComparison.Ordinal))
            .Select(p => Maml.Command(CmdletPage.Parse(Path.GetFileNameWithoutExtension(p), File.ReadAllText(p)),
                online + Path.GetFileName(p)));
        yield return ("Woodgrove.Citus.dll-Help.xml", Text(Maml.Document(commands)));
        foreach (string page in pages.Where(p => Path.GetFileName(p).StartsWith("about_", StringComparison.Ordinal)))
        {
            string name = Path.GetFileNameWithoutExtension(page);
            yield return (name + ".help.txt", AboutTopic.Text(name, File.ReadAllText(page)));
        }
    }

    private static string Text(XDocument document)
    {
        var text = new MemoryStream();
        using (var writer = XmlWriter.Create(text,
            new XmlWriterSettings { Indent = true, Encoding = new UTF8Encoding(false), NewLineChars = "\n",
                NewLineHandling = NewLineHandling.None }))
            document.Save(writer);
        return Encoding.UTF8.GetString(text.ToArray()) + "\n";
    }

    [GeneratedRegex(@"ProjectUri\s*=\s*'([^']+)'")]
    private static partial Regex ProjectUri();
}
