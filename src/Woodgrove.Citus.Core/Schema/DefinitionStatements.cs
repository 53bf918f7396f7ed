using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Schema;

/// <summary>Statements of a dump as objects, in two parts: what is made before tables are distributed, and what after.</summary>
internal static class DefinitionStatements
{
    /// <summary>What Citus handles on tables that are distributed already, or refuses on those that are not yet.</summary>
    private static readonly HashSet<string> Later = ["VIEW", "MATERIALIZED VIEW", "FK CONSTRAINT", "TRIGGER", "EVENT TRIGGER", "RULE",
        "POLICY", "ROW SECURITY"];

    /// <param name="printed">How the server prints the objects.</param>
    public static (List<SchemaObject> Before, List<SchemaObject> After) Of(
        IReadOnlyList<DumpEntry> dump, IReadOnlyList<SchemaObject> printed)
    {
        Dictionary<(string, string), SchemaObject> byKey = printed.ToDictionary(p => p.Key);
        var (before, after, laterNames) = (new List<SchemaObject>(), new List<SchemaObject>(), new HashSet<string>());
        // Extensions are written apart, with their comments.
        foreach (DumpEntry entry in dump.Where(e => e.Type != "EXTENSION"
            && !(e.Type == "COMMENT" && e.Tag.StartsWith("EXTENSION ", StringComparison.Ordinal))))
        {
            string name = DefinitionReader.NameOf(entry.Type, entry.Schema, entry.Tag);
            var made = new SchemaObject
                { Kind = DefinitionReader.KindOf(entry.Type), Name = name, Sql = entry.Sql, PartOf = PartOf(entry) };
            if (made.Kind == SchemaObjectKind.Schema)
                made = made with { Sql = made.Sql.Replace("CREATE SCHEMA ", "CREATE SCHEMA IF NOT EXISTS ", StringComparison.Ordinal) };
            else if (made.Kind == SchemaObjectKind.Other) made = made with { Name = $"{entry.Type.ToLowerInvariant()} {name}" };
            else if (byKey.TryGetValue(made.Key, out SchemaObject? known)) made = made with { Properties = known.Properties };
            // An index or a comment of a view comes after the view.
            bool later = Later.Contains(entry.Type) || made.PartOf is { } whole && laterNames.Contains(whole);
            if (later && made.Kind == SchemaObjectKind.View) laterNames.Add(name);
            (later ? after : before).Add(made with { DependsOn = made.PartOf is { } part ? [part] : [] });
        }
        return (before, after);
    }

    /// <summary>The relation that a statement changes, or that an index, a constraint or a trigger is on.</summary>
    private static string? PartOf(DumpEntry entry)
    {
        if (entry.Type is "TABLE ATTACH" or "INDEX ATTACH") return new TableName(entry.Schema, entry.Tag).ToString();
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(entry.Sql);
        int at = entry.Type switch
        {
            "INDEX" or "TRIGGER" or "POLICY" or "RULE" => tokens.TakeWhile(t => !t.Is(entry.Type == "RULE" ? "to" : "on")).Count() + 1,
            "COMMENT" when tokens.Count > 3 && (tokens[2].Is("table") || tokens[2].Is("view") || tokens[2].Is("column")
                || tokens[2].Is("sequence") || tokens[2].Is("index")) => 3,
            _ when tokens.Count > 3 && tokens[0].Is("alter") && (tokens[1].Is("table") || tokens[1].Is("sequence")) => 2,
            _ => -1,
        };
        while (at > 0 && at < tokens.Count && tokens[at].Is("only")) at++;
        return at > 0 && at + 2 < tokens.Count && tokens[at].IsName && tokens[at + 1].Is(".") && tokens[at + 2].IsName
            ? new TableName(tokens[at].Text, tokens[at + 2].Text).ToString() : null;
    }
}
