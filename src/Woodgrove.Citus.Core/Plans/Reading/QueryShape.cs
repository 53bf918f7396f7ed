using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>
/// What a query's text shows without a grammar: its keywords, the names in it, which columns it sets equal. Used to say
/// why Citus refused it, and to name columns in advice; never to classify a plan.
/// </summary>
internal sealed record QueryShape
{
    /// <summary>Names of one or two parts, quoted for SQL: tables, columns, aliases and more; the catalogs know which.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    public required bool HasGroupingSets { get; init; }
    public required bool LocksRows { get; init; }
    public required bool HasOuterJoin { get; init; }
    public required bool IsRecursive { get; init; }
    public required bool IsMerge { get; init; }

    /// <summary>A subquery uses a table of the query around it.</summary>
    public required bool IsCorrelated { get; init; }

    /// <summary>Columns that an UPDATE sets.</summary>
    public required IReadOnlyList<string> SetColumns { get; init; }

    private IReadOnlyList<SqlToken> Tokens { get; init; } = [];
    private IReadOnlyList<TableAlias> Aliases { get; init; } = [];

    private sealed record TableAlias(string Alias, string Table, int At);

    private static readonly HashSet<string> Reserved =
    [
        "on", "using", "where", "group", "order", "join", "left", "right", "full", "inner", "cross", "natural", "limit", "offset", "having",
        "union", "except", "intersect", "window", "set", "values", "select", "returning", "for", "fetch", "when", "as", "lateral",
        "tablesample", "default",
    ];

    public static QueryShape Of(string sql)
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(sql);
        bool Follows(int i, params string[] words) =>
            i + words.Length <= tokens.Count && words.Select((w, n) => tokens[i + n].Is(w)).All(m => m);
        bool Anywhere(params string[] words) => Enumerable.Range(0, tokens.Count).Any(i => Follows(i, words));

        List<TableAlias> aliases = FindAliases(tokens);
        return new QueryShape
        {
            Names = [.. FindNames(tokens)],
            HasGroupingSets = Anywhere("grouping", "sets") || Anywhere("rollup", "(") || Anywhere("cube", "(") || Anywhere("grouping", "("),
            LocksRows = Anywhere("for", "update") || Anywhere("for", "share") || Anywhere("for", "no", "key") || Anywhere("for", "key"),
            HasOuterJoin = Anywhere("left", "join") || Anywhere("right", "join") || Anywhere("full", "join") || Anywhere("outer", "join"),
            IsRecursive = Anywhere("with", "recursive"),
            IsMerge = Anywhere("merge", "into"),
            IsCorrelated = FindCorrelation(tokens, aliases),
            SetColumns = tokens.Count > 0 && tokens[0].Is("update") ? [.. FindSetColumns(tokens)] : [],
            Tokens = tokens,
            Aliases = aliases,
        };
    }

    /// <summary>The columns of different tables that the query sets equal.</summary>
    public IEnumerable<(PlanTable Table, string Column, PlanTable Other, string OtherColumn)> JoinedColumns(IReadOnlyList<PlanTable> tables)
    {
        PlanTable? Named(string? name) => tables.FirstOrDefault(t => TableName.Parse(t.Display).Name == name);
        (PlanTable Table, string Column)? Resolve(SqlToken[] side)
        {
            if (side is [{ IsName: true } alias, { Text: "." }, { IsName: true } name]
                && Named(Aliases.FirstOrDefault(a => a.Alias == alias.Text)?.Table ?? alias.Text) is { } table
                && table.Columns.ContainsKey(name.Text)) return (table, name.Text);
            if (side is [{ IsName: true } bare] && tables.Where(t => t.Columns.ContainsKey(bare.Text)).ToArray() is [var only])
                return (only, bare.Text);
            return null;
        }
        for (int i = 0; i < Tokens.Count; i++)
        {
            if (Tokens[i].Is("=") && Resolve(Before(i)) is { } left && Resolve(After(i)) is { } right && left.Table != right.Table)
                yield return (left.Table, left.Column, right.Table, right.Column);
            if (!Tokens[i].Is("using") || i + 2 >= Tokens.Count || !Tokens[i + 1].Is("(")) continue;
            // The table just named is joined with one named before it.
            PlanTable[] before = [.. Aliases.Where(a => a.At < i).Select(a => Named(a.Table)).OfType<PlanTable>()];
            foreach (SqlToken column in Tokens.Skip(i + 2).Take(SqlTokens.Closing(Tokens, i + 1) - i - 2).Where(t => t.IsName))
            {
                if (before.LastOrDefault() is { } last && last.Columns.ContainsKey(column.Text)
                    && before.FirstOrDefault(t => t != last && t.Columns.ContainsKey(column.Text)) is { } first)
                        yield return (first, column.Text, last, column.Text);
            }
        }
    }

    /// <summary>The table that the statement itself writes, whatever its CTEs do.</summary>
    public PlanTable? Written(IReadOnlyList<PlanTable> tables)
    {
        int verb = Enumerable.Range(0, Tokens.Count).FirstOrDefault(i => Tokens[i].Depth == 0
            && (Tokens[i].Is("into") || Tokens[i].Is("update") || (i > 0 && Tokens[i].Is("from") && Tokens[i - 1].Is("delete"))), -1);
        int name = verb + 1 < Tokens.Count && Tokens[verb + 1].Is("only") ? verb + 2 : verb + 1;
        if (name + 2 < Tokens.Count && Tokens[name + 1].Is(".")) name += 2;
        return verb < 0 || name >= Tokens.Count ? null : tables.FirstOrDefault(t => TableName.Parse(t.Display).Name == Tokens[name].Text);
    }

    /// <summary>One of the query's recursive CTEs uses one of these tables.</summary>
    public bool RecursionUses(IReadOnlyList<PlanTable> tables)
    {
        HashSet<string> names = [.. tables.Select(t => TableName.Parse(t.Display).Name)];
        for (int i = 0; i + 2 < Tokens.Count; i++)
        {
            if (!Tokens[i].Is("with") || !Tokens[i + 1].Is("recursive")) continue;
            int depth = Tokens[i].Depth;
            // The CTEs end where the statement that uses them begins.
            if (Tokens.Skip(i + 2).TakeWhile(t => t.Depth > depth || !(t.Is("select") || t.Is("insert") || t.Is("update") || t.Is("delete")
                || t.Is("merge") || t.Is("values")))
                .Any(t => t.IsName && names.Contains(t.Text))) return true;
        }
        return false;
    }

    private SqlToken[] Before(int i) =>
        i >= 3 && Tokens[i - 2].Is(".") ? [Tokens[i - 3], Tokens[i - 2], Tokens[i - 1]] : i >= 1 ? [Tokens[i - 1]] : [];

    private SqlToken[] After(int i) =>
        i + 3 < Tokens.Count && Tokens[i + 2].Is(".") ? [Tokens[i + 1], Tokens[i + 2], Tokens[i + 3]] : i + 1 < Tokens.Count
            ? [Tokens[i + 1]] : [];

    private static IEnumerable<string> FindNames(IReadOnlyList<SqlToken> tokens)
    {
        for (int i = 0; i < tokens.Count; i++)
        {
            if (!tokens[i].IsName) continue;
            yield return TableName.Quote(tokens[i].Text);
            if (i + 2 < tokens.Count && tokens[i + 1].Is(".") && tokens[i + 2].IsName)
                yield return new TableName(tokens[i].Text, tokens[i + 2].Text).Sql;
        }
    }

    /// <summary>Two names in a row after FROM, JOIN and the like: a table and its alias.</summary>
    private static List<TableAlias> FindAliases(IReadOnlyList<SqlToken> tokens)
    {
        var aliases = new List<TableAlias>();
        for (int i = 1; i < tokens.Count; i++)
        {
            if (!(tokens[i - 1].Is("from") || tokens[i - 1].Is("join") || tokens[i - 1].Is(",") || tokens[i - 1].Is("into")
                || tokens[i - 1].Is("update") || tokens[i - 1].Is("using"))) continue;
            int name = i + 2 < tokens.Count && tokens[i + 1].Is(".") ? i + 2 : i;
            int alias = name + 1 < tokens.Count && tokens[name + 1].Is("as") ? name + 2 : name + 1;
            if (!tokens[name].IsName) continue;
            bool hasAlias = alias < tokens.Count && tokens[alias].IsName
                && !(tokens[alias].Kind == SqlTokenKind.Word && Reserved.Contains(tokens[alias].Text));
            aliases.Add(new TableAlias(hasAlias ? tokens[alias].Text : tokens[name].Text, tokens[name].Text, i));
        }
        return aliases;
    }

    /// <summary>A subquery that qualifies a column by an alias which only the text outside it introduces.</summary>
    private static bool FindCorrelation(IReadOnlyList<SqlToken> tokens, List<TableAlias> aliases)
    {
        for (int open = 0; open + 1 < tokens.Count; open++)
        {
            if (!tokens[open].Is("(") || !tokens[open + 1].Is("select")) continue;
            SqlToken[] inside = [.. tokens.Skip(open + 1).Take(SqlTokens.Closing(tokens, open) - open - 1)];
            HashSet<string> own = [.. FindAliases(inside).Select(a => a.Alias)];
            for (int i = 0; i + 1 < inside.Length; i++)
            {
                if (inside[i].IsName && inside[i + 1].Is(".") && !own.Contains(inside[i].Text)
                    && aliases.Exists(a => a.Alias == inside[i].Text)) return true;
            }
        }
        return false;
    }

    private static IEnumerable<string> FindSetColumns(IReadOnlyList<SqlToken> tokens)
    {
        for (int i = tokens.TakeWhile(t => !t.Is("set")).Count(); i + 2 < tokens.Count
            && !(tokens[i].Depth == 0 && (tokens[i].Is("where") || tokens[i].Is("from"))); i++)
        {
            if (tokens[i].Depth == 0 && (tokens[i].Is("set") || tokens[i].Is(",")) && tokens[i + 2].Is("="))
                yield return tokens[i + 1].Text;
        }
    }
}
