using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Woodgrove.Citus.Help;

/// <summary>A parameter, as it is in some of the cmdlet's parameter sets.</summary>
/// <param name="Facts">PlatyPS's lines, such as <c>Position: 0</c>.</param>
public sealed record ParameterEntry(string Name, IReadOnlyList<string> Description, IReadOnlyDictionary<string, string> Facts)
{
    public string Type => Fact("Type");
    public bool IsSwitch => Type == "SwitchParameter";
    public bool Required => Fact("Required") == "True";
    public string Position => Fact("Position") is "" or "Named" ? "named" : Fact("Position");
    public string DefaultValue => Fact("Default value") is "" ? "None" : Fact("Default value");
    public string Aliases => Fact("Aliases") is "" ? "none" : Fact("Aliases");
    public string PipelineInput => Fact("Accept pipeline input") is "" ? "False" : Fact("Accept pipeline input");
    public bool Wildcards => Fact("Accept wildcard characters") == "True";
    public string[] AcceptedValues =>
        Fact("Accepted values").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public bool IsIn(string set) =>
        Fact("Parameter Sets") is "" or "(All)" || Fact("Parameter Sets").Split(',', StringSplitOptions.TrimEntries).Contains(set);

    private string Fact(string name) => Facts.GetValueOrDefault(name, "");
}

/// <param name="Code">What to type.</param>
/// <param name="Output">What it prints, or null.</param>
public sealed record CmdletExample(string Title, IReadOnlyList<string> Introduction, string Code, string? Output,
    IReadOnlyList<string> Remarks);

/// <summary>A cmdlet's help in PlatyPS's form.</summary>
public sealed record CmdletPage(
    string Name, string Synopsis, IReadOnlyList<string> ParameterSets, IReadOnlyList<string> Description,
    IReadOnlyList<CmdletExample> Examples,
    IReadOnlyList<ParameterEntry> Parameters, IReadOnlyList<(string Type, IReadOnlyList<string> Description)> Inputs,
    IReadOnlyList<(string Type, IReadOnlyList<string> Description)> Outputs, IReadOnlyList<string> Notes,
    IReadOnlyList<(string Text, string Uri)> Links)
{
    /// <exception cref="FormatException">A section is missing or empty.</exception>
    public static CmdletPage Parse(string name, string text)
    {
        IReadOnlyList<Block> blocks = PlainMarkdown.Parse(text);
        Dictionary<string, IReadOnlyList<Block>> sections = PlainMarkdown.Sections(blocks, 2)
            .ToDictionary(s => s.Title.ToUpperInvariant(), s => s.Blocks);
        IReadOnlyList<Block> Section(string title) => sections.TryGetValue(title, out IReadOnlyList<Block>? found) ? found
            : throw new FormatException($"{name}.md has no section '## {title}'.");
        IEnumerable<(string Type, IReadOnlyList<string> Description)> Types(string title) =>
            PlainMarkdown.Sections(Section(title), 3)
                .Select(s => (s.Title, (IReadOnlyList<string>)[.. PlainMarkdown.Paragraphs(s.Blocks)]));

        if (PlainMarkdown.Sections(blocks, 1).SingleOrDefault().Title != name)
            throw new FormatException($"{name}.md must have one heading '# {name}'.");
        string[] sets = [.. PlainMarkdown.Sections(Section("SYNTAX"), 3)
            .Select(s => s.Title.Replace(" (Default)", "", StringComparison.Ordinal))];
        return new CmdletPage(
            name, string.Join(' ', PlainMarkdown.Paragraphs(Section("SYNOPSIS"))), sets.Length > 0 ? sets : ["(All)"],
            [.. PlainMarkdown.Paragraphs(Section("DESCRIPTION"))],
            [.. PlainMarkdown.Sections(Section("EXAMPLES"), 3).Select(s => Example(name, s.Title, s.Blocks))],
            [.. PlainMarkdown.Sections(Section("PARAMETERS"), 3).Where(s => s.Title.StartsWith('-'))
                .SelectMany(s => Parameter(name, s.Title[1..], s.Blocks))],
            [.. Types("INPUTS")], [.. Types("OUTPUTS")], [.. PlainMarkdown.Paragraphs(Section("NOTES"))],
            [.. Section("RELATED LINKS").OfType<LeafBlock>()
                .Concat(Section("RELATED LINKS").SelectMany(b => b.Descendants<ParagraphBlock>()))
                .SelectMany(b => b.Inline!.OfType<LinkInline>()).Select(l => (PlainMarkdown.Text(l), l.Url ?? ""))]);
    }

    private static CmdletExample Example(string page, string title, IReadOnlyList<Block> blocks)
    {
        FencedCodeBlock[] code = [.. blocks.OfType<FencedCodeBlock>()];
        FencedCodeBlock first = code.FirstOrDefault(c => c.Info == "powershell")
            ?? throw new FormatException($"{page}.md, '{title}': no powershell code.");
        FencedCodeBlock[] output = [.. code.Where(c => c != first)];
        return new CmdletExample(
            title, [.. PlainMarkdown.Paragraphs(blocks.TakeWhile(b => b != first))], PlainMarkdown.Code(first),
            output.Length > 0 ? string.Join("\n\n", output.Select(PlainMarkdown.Code)) : null,
            [.. PlainMarkdown.Paragraphs(blocks.SkipWhile(b => b != first).Where(b => b is not FencedCodeBlock))]);
    }

    /// <summary>One entry for each block of facts: a parameter may differ between parameter sets.</summary>
    private static IEnumerable<ParameterEntry> Parameter(string page, string name, IReadOnlyList<Block> blocks)
    {
        string[] description = [.. PlainMarkdown.Paragraphs(blocks.Where(b => b is not FencedCodeBlock { Info: "yaml" }))];
        FencedCodeBlock[] facts = [.. blocks.OfType<FencedCodeBlock>().Where(b => b.Info == "yaml")];
        if (facts.Length == 0 || description.Length == 0)
            throw new FormatException($"{page}.md, '-{name}': a description and a yaml block are needed.");
        return facts.Select(f => new ParameterEntry(name, description, PlainMarkdown.Code(f).Split('\n').Select(l => l.Split(':', 2))
            .Where(p => p.Length == 2).ToDictionary(p => p[0].Trim(), p => p[1].Trim())));
    }
}
