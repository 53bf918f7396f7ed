using System.Xml.Linq;

namespace Woodgrove.Citus.Help;

/// <summary>Writes pages as MAML, the form that Get-Help reads.</summary>
internal static class Maml
{
    private static readonly XNamespace MamlNames = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace CommandNames = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace DevNames = "http://schemas.microsoft.com/maml/dev/2004/10";
    private static readonly XNamespace Msh = "http://msh";

    public static XDocument Document(IEnumerable<XElement> commands) => new(
        new XComment(" Built from module/help by dotnet run --project src/Woodgrove.Citus.Help. Edit the Markdown, not this. "),
        new XElement(Msh + "helpItems", new XAttribute("schema", "maml"), commands));

    /// <param name="online">Where Get-Help -Online leads: the first link that has an address.</param>
    public static XElement Command(CmdletPage page, string online)
    {
        string[] name = page.Name.Split('-', 2);
        return new XElement(CommandNames + "command",
            new XAttribute(XNamespace.Xmlns + "maml", MamlNames), new XAttribute(XNamespace.Xmlns + "command", CommandNames),
            new XAttribute(XNamespace.Xmlns + "dev", DevNames),
            new XElement(CommandNames + "details",
                new XElement(CommandNames + "name", page.Name), new XElement(CommandNames + "verb", name[0]),
                new XElement(CommandNames + "noun", name[1]),
                new XElement(MamlNames + "description", Paras([page.Synopsis]))),
            new XElement(MamlNames + "description", Paras(page.Description)),
            new XElement(CommandNames + "syntax", page.ParameterSets.Select(set => new XElement(CommandNames + "syntaxItem",
                new XElement(MamlNames + "name", page.Name),
                page.Parameters.Where(p => p.IsIn(set))
                    .OrderBy(p => p.Position == "named" ? int.MaxValue
                        : int.Parse(p.Position, System.Globalization.CultureInfo.InvariantCulture))
                    .Select(p => Parameter(p, inSyntax: true))))),
            new XElement(CommandNames + "parameters", page.Parameters.DistinctBy(p => p.Name).Select(p => Parameter(p, inSyntax: false))),
            new XElement(CommandNames + "inputTypes", page.Inputs.Select(i => Typed("inputType", i))),
            new XElement(CommandNames + "returnValues", page.Outputs.Select(o => Typed("returnValue", o))),
            new XElement(MamlNames + "alertSet", new XElement(MamlNames + "alert", Paras(page.Notes))),
            new XElement(CommandNames + "examples", page.Examples.Select(Example)),
            new XElement(CommandNames + "relatedLinks", Link("Online version:", online),
                page.Links.Select(l => Link(l.Text, l.Uri.StartsWith("http", StringComparison.Ordinal) ? l.Uri : ""))));
    }

    private static XElement Link(string text, string uri) =>
        new(MamlNames + "navigationLink", new XElement(MamlNames + "linkText", text), new XElement(MamlNames + "uri", uri));

    private static XElement Parameter(ParameterEntry p, bool inSyntax)
    {
        var entry = new XElement(CommandNames + "parameter",
            new XAttribute("required", Xml(p.Required)), new XAttribute("variableLength", "true"),
            new XAttribute("globbing", Xml(p.Wildcards)),
            new XAttribute("pipelineInput", p.PipelineInput), new XAttribute("position", p.Position), new XAttribute("aliases", p.Aliases),
            new XElement(MamlNames + "name", p.Name), new XElement(MamlNames + "description", Paras(p.Description)));
        if (inSyntax && p.AcceptedValues.Length > 0)
            entry.Add(new XElement(CommandNames + "parameterValueGroup", p.AcceptedValues.Select(v => Value(v, required: false))));
        if (!inSyntax || !p.IsSwitch) entry.Add(Value(p.Type, required: !p.IsSwitch));
        entry.Add(
            new XElement(DevNames + "type", new XElement(MamlNames + "name", p.Type), new XElement(MamlNames + "uri")),
            new XElement(DevNames + "defaultValue", p.DefaultValue));
        return entry;
    }

    private static XElement Value(string text, bool required) =>
        new(CommandNames + "parameterValue", new XAttribute("required", Xml(required)), new XAttribute("variableLength", "false"), text);

    private static XElement Typed(string element, (string Type, IReadOnlyList<string> Description) type) => new(CommandNames + element,
        new XElement(DevNames + "type", new XElement(MamlNames + "name", type.Type)),
        new XElement(MamlNames + "description", Paras(type.Description)));

    private static XElement Example(CmdletExample example) => new(CommandNames + "example",
        new XElement(MamlNames + "title", $" {example.Title} ".PadLeft((64 + example.Title.Length) / 2, '-').PadRight(64, '-')),
        new XElement(MamlNames + "introduction", Paras(example.Introduction)),
        new XElement(DevNames + "code", example.Output is null ? example.Code : $"{example.Code}\n\n{example.Output}"),
        new XElement(DevNames + "remarks", Paras(example.Remarks)));

    private static IEnumerable<XElement> Paras(IEnumerable<string> paragraphs) =>
        paragraphs.Select(p => new XElement(MamlNames + "para", p));

    private static string Xml(bool value) => value ? "true" : "false";
}
