using System.Text;
using Markdig;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Woodgrove.Citus.Help;

/// <summary>Markdown as sections of plain text, which is all that help can show.</summary>
public static class PlainMarkdown
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UseYamlFrontMatter().Build();

    public static IReadOnlyList<Block> Parse(string text) => [.. Markdown.Parse(text.ReplaceLineEndings("\n"), Pipeline)];

    /// <summary>The sections under headings of one level, each up to the next heading of that level or above.</summary>
    public static IEnumerable<(string Title, IReadOnlyList<Block> Blocks)> Sections(IReadOnlyList<Block> blocks, int level)
    {
        for (int i = 0; i < blocks.Count; i++)
        {
            if (blocks[i] is not HeadingBlock heading || heading.Level != level) continue;
            Block[] body = [.. blocks.Skip(i + 1).TakeWhile(b => b is not HeadingBlock next || next.Level > level)];
            yield return (Text(heading.Inline), body);
        }
    }

    /// <summary>Paragraphs and the items of lists, a string each; code keeps its lines.</summary>
    public static IEnumerable<string> Paragraphs(IEnumerable<Block> blocks) => blocks.SelectMany(block => block switch
    {
        ParagraphBlock paragraph => [Text(paragraph.Inline)],
        ListBlock list => list.OfType<ListItemBlock>().Select(item => "- " + string.Join(' ', Paragraphs(item))),
        CodeBlock code => [Code(code)],
        _ => Enumerable.Empty<string>(),
    });

    public static string Code(CodeBlock code) =>
        string.Join('\n', code.Lines.Lines.Take(code.Lines.Count).Select(l => l.ToString())).TrimEnd();

    public static string Text(ContainerInline? inlines)
    {
        var text = new StringBuilder();
        foreach (Inline inline in inlines ?? Enumerable.Empty<Inline>())
        {
            text.Append(inline switch
            {
                LiteralInline literal => literal.Content.ToString(),
                CodeInline code => code.Content,
                LineBreakInline => " ",
                AutolinkInline link => link.Url,
                HtmlEntityInline entity => entity.Transcoded.ToString(),
                ContainerInline container => Text(container),
                _ => "",
            });
        }
        return text.ToString();
    }
}
