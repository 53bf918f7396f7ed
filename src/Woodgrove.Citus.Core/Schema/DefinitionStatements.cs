using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Schema;

/// <summary>Statements of a dump as objects, in two parts: what is made before tables are distributed, and what after.</summary>
internal static class DefinitionStatements
{
    /// <summary>
    /// What Citus handles on tables that are distributed already, or refuses on those that are not yet; and comments, whatever they
    /// are on.
    /// </summary>
    private static readonly HashSet<string> Later = ["VIEW", "MATERIALIZED VIEW", "FK CONSTRAINT", "TRIGGER", "EVENT TRIGGER", "RULE",
        "POLICY", "ROW SECURITY", "COMMENT"];

    /// <summary>What may use a view, or a function that does, and comes after it then.</summary>
    private static readonly HashSet<string> MayUseViews = ["FUNCTION", "PROCEDURE", "AGGREGATE", "TYPE", "CAST", "OPERATOR", "DEFAULT",
        "STATISTICS"];

    /// <param name="printed">How the server prints the objects.</param>
    public static (List<SchemaObject> Before, List<SchemaObject> After) Of(
        IReadOnlyList<DumpEntry> dump, IReadOnlyList<SchemaObject> printed)
    {
        Dictionary<(string, string), SchemaObject> byKey = printed.ToDictionary(p => p.Key);
        var (before, after, laterNames) = (new List<SchemaObject>(), new List<SchemaObject>(), new HashSet<string>());
        HashSet<(string, string)> apart = [.. dump.Select(ColumnOf).OfType<(string, string)>()];
        // Extensions are written apart, with their comments.
        foreach (DumpEntry entry in WithQueries(dump).Where(e => e.Type != "EXTENSION"
            && !(e.Type == "COMMENT" && e.Tag.StartsWith("EXTENSION ", StringComparison.Ordinal))))
        {
            IReadOnlyList<SqlToken> tokens = SqlTokens.Read(entry.Sql);
            string name = DefinitionReader.NameOf(entry.Type, entry.Schema, entry.Tag);
            var made = new SchemaObject
                { Kind = DefinitionReader.KindOf(entry.Type), Name = name, Sql = entry.Sql, PartOf = PartOf(entry, tokens) };
            if (byKey.TryGetValue(made.Key, out SchemaObject? known))
                made = made with { Properties = [.. known.Properties.Where(p => IsCompared(made, p, apart))] };
            if (made.Kind == SchemaObjectKind.Schema)
            {
                made = made with { Sql = made.Sql.Replace("CREATE SCHEMA ", "CREATE SCHEMA IF NOT EXISTS ", StringComparison.Ordinal),
                    Properties = [] };
            }
            else if (entry.Type == "USER MAPPING")
                made = made with { Sql = "", Note = "User mappings may have passwords: it is not restored. Create it in the target." };
            // An index of a view comes after the view.
            bool later = Later.Contains(entry.Type) || made.PartOf is { } whole && laterNames.Contains(whole)
                || MayUseViews.Contains(entry.Type) && Names(tokens).Any(laterNames.Contains);
            if (later && made.Kind is SchemaObjectKind.View or SchemaObjectKind.Function or SchemaObjectKind.Type)
                laterNames.Add(Names(tokens).First());
            (later ? after : before).Add(made with { DependsOn = made.PartOf is { } part ? [part] : [] });
        }
        return (before, after);
    }

    /// <summary>
    /// The entries with each view in one piece. pg_dump writes a view that needs a primary key as a placeholder of NULLs first, which
    /// Citus would distribute, and its query as a rule after the keys; here it comes before the first entry that names it.
    /// </summary>
    private static List<DumpEntry> WithQueries(IReadOnlyList<DumpEntry> dump)
    {
        const string query = " _RETURN";
        Dictionary<string, DumpEntry> queries = dump.Where(IsQuery)
            .Select(e => e with { Type = "VIEW", Tag = e.Tag[..^query.Length] })
            .ToDictionary(e => DefinitionReader.NameOf(e.Type, e.Schema, e.Tag));
        if (queries.Count == 0) return [.. dump];
        var (whole, waiting) = (new List<DumpEntry>(), new HashSet<string>());
        foreach (DumpEntry entry in dump)
        {
            string[] names = [.. Names(SqlTokens.Read(entry.Sql))];
            if (entry.Type == "VIEW" && queries.ContainsKey(names[0])) waiting.Add(names[0]);
            else
            {
                foreach (string view in names.Where(waiting.Remove)) whole.Add(queries[view]);
                if (!IsQuery(entry)) whole.Add(entry);
            }
        }
        return whole;

        static bool IsQuery(DumpEntry entry) => entry.Type == "RULE" && entry.Tag.EndsWith(query, StringComparison.Ordinal);
    }

    /// <summary>A default or an identity that has a statement of its own is compared with that, and not with the table's column.</summary>
    private static bool IsCompared(SchemaObject made, SchemaProperty property, HashSet<(string Table, string Column)> apart) =>
        made.Kind != SchemaObjectKind.Table
            || (property.Name.StartsWith(DefinitionReader.Column, StringComparison.Ordinal)
                ? !apart.Contains((made.Name, property.Name[DefinitionReader.Column.Length..]))
                : !property.Name.StartsWith(DefinitionReader.TypeOf, StringComparison.Ordinal)
                    || apart.Contains((made.Name, property.Name[DefinitionReader.TypeOf.Length..])));

    /// <summary>The column to which a statement adds a default or an identity.</summary>
    private static (string Table, string Column)? ColumnOf(DumpEntry entry)
    {
        if (entry.Type is not ("DEFAULT" or "SEQUENCE")) return null;
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(entry.Sql);
        int at = tokens.TakeWhile(t => !t.Is("column")).Count() + 1;
        return at < tokens.Count && PartOf(entry, tokens) is { } table ? (table, tokens[at].Text) : null;
    }

    /// <summary>The relation that a statement changes, or that an index, a constraint, a trigger or a comment is on.</summary>
    private static string? PartOf(DumpEntry entry, IReadOnlyList<SqlToken> tokens)
    {
        if (entry.Type is "TABLE ATTACH" or "INDEX ATTACH") return new TableName(entry.Schema, entry.Tag).ToString();
        int at = entry.Type switch
        {
            "INDEX" or "TRIGGER" or "POLICY" or "RULE" => After(entry.Type == "RULE" ? "to" : "on", 0),
            "COMMENT" when tokens.Count > 4 => tokens[2].Text switch
            {
                "table" or "view" or "column" or "sequence" or "index" => 3,
                "materialized" or "foreign" => 4,
                "constraint" or "trigger" or "policy" or "rule" => After("on", 3),
                _ => -1,
            },
            _ when tokens.Count > 3 && tokens[0].Is("alter") && (tokens[1].Is("table") || tokens[1].Is("sequence")) => 2,
            _ => -1,
        };
        while (at > 0 && at < tokens.Count && tokens[at].Is("only")) at++;
        return at > 0 ? Names(tokens.Skip(at).Take(3).ToList()).FirstOrDefault() : null;

        int After(string word, int from) => from + tokens.Skip(from).TakeWhile(t => !t.Is(word)).Count() + 1;
    }

    /// <summary>What may be names of objects, each with its schema before it.</summary>
    private static IEnumerable<string> Names(IReadOnlyList<SqlToken> tokens) => Enumerable.Range(0, Math.Max(0, tokens.Count - 2))
        .Where(i => tokens[i].IsName && tokens[i + 1].Is(".") && tokens[i + 2].IsName)
        .Select(i => new TableName(tokens[i].Text, tokens[i + 2].Text).ToString());
}
