using System.Text;
using Markdig.Syntax;

namespace Woodgrove.Citus.Help;

/// <summary>Writes a conceptual page as the text that Get-Help shows, 80 columns wide.</summary>
internal static class AboutTopic
{
    private const int Width = 80, Margin = 4;

    public static string Text(string name, string markdown)
    {
        IReadOnlyList<Block> blocks = PlainMarkdown.Parse(markdown);
        if (PlainMarkdown.Sections(blocks, 1).SingleOrDefault().Title != name)
            throw new FormatException($"{name}.md must have one heading '# {name}'.");
        if (PlainMarkdown.Sections(blocks, 2).FirstOrDefault().Title != "Short description")
            throw new FormatException($"{name}.md must begin with '## Short description', which Get-Help lists.");
        var text = new StringBuilder("TOPIC\n").Append(' ', Margin).Append(name).Append('\n');
        foreach ((string title, IReadOnlyList<Block> body) in PlainMarkdown.Sections(blocks, 2))
        {
            text.Append('\n').Append(title.ToUpperInvariant()).Append('\n');
            foreach (Block block in body) Append(text, block);
        }
        return text.ToString();
    }

    private static void Append(StringBuilder text, Block block)
    {
        // The first paragraph stands right under its heading: Get-Help reads the short description there.
        if (text[^2] is < 'A' or > 'Z' || block is HeadingBlock) text.Append('\n');
        if (block is HeadingBlock heading) Wrap(text, PlainMarkdown.Text(heading.Inline), Margin - 2, 0);
        else if (block is CodeBlock code)
            text.AppendJoin("", PlainMarkdown.Code(code).Split('\n')
                .Select(l => l.Length == 0 ? "\n" : new string(' ', Margin * 2) + l + "\n"));
        else foreach (string paragraph in PlainMarkdown.Paragraphs([block])) Wrap(text, paragraph, Margin, block is ListBlock ? 2 : 0);
    }

    private static void Wrap(StringBuilder text, string paragraph, int indent, int hanging)
    {
        var line = new StringBuilder().Append(' ', indent);
        bool begun = false;
        foreach (string word in paragraph.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (begun && line.Length + 1 + word.Length > Width)
            {
                text.Append(line).Append('\n');
                line.Clear().Append(' ', indent + hanging);
                begun = false;
            }
            if (begun) line.Append(' ');
            line.Append(word);
            begun = true;
        }
        text.Append(line).Append('\n');
    }
}
