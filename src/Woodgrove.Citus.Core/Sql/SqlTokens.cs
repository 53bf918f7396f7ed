namespace Woodgrove.Citus.Sql;

/// <summary>
/// Splits SQL into tokens, without strings and comments getting in the way: fragments and conditions as the server
/// prints them, and the user's query where its shape is asked for. It knows no grammar.
/// </summary>
internal static class SqlTokens
{
    public static IReadOnlyList<SqlToken> Read(string sql) => Read(sql, comments: false);

    /// <summary>With comments that begin with two dashes, too.</summary>
    public static IReadOnlyList<SqlToken> ReadWithComments(string sql) => Read(sql, comments: true);

    private static List<SqlToken> Read(string sql, bool comments)
    {
        var tokens = new List<SqlToken>();
        int depth = 0;
        for (int i = 0; i < sql.Length;)
        {
            char c = sql[i];
            int start = i;
            if (char.IsWhiteSpace(c)) i++;
            else if (Starts(sql, i, "--"))
            {
                i = End(sql, i, "\n");
                if (comments) tokens.Add(new(SqlTokenKind.Comment, sql[start..i], depth, start));
            }
            else if (Starts(sql, i, "/*")) i = CommentEnd(sql, i);
            else if (c == '\'') tokens.Add(new(SqlTokenKind.Literal, Quoted(sql, ref i, '\'', false), depth, start));
            else if (c is 'e' or 'E' && Starts(sql, i + 1, "'"))
            {
                i++;
                tokens.Add(new(SqlTokenKind.Literal, Quoted(sql, ref i, '\'', true), depth, start));
            }
            else if (c == '"') tokens.Add(new(SqlTokenKind.Quoted, Quoted(sql, ref i, '"', false), depth, start));
            else if (c == '$' && DollarTag(sql, i) is { } tag)
            {
                i = End(sql, i + tag.Length, tag);
                tokens.Add(new(SqlTokenKind.Literal, sql[start..i], depth, start));
            }
            else if (char.IsLetter(c) || c == '_')
            {
                while (i < sql.Length && (char.IsLetterOrDigit(sql[i]) || sql[i] is '_' or '$')) i++;
                tokens.Add(new(SqlTokenKind.Word, sql[start..i].ToLowerInvariant(), depth, start));
            }
            else if (char.IsAsciiDigit(c))
            {
                while (i < sql.Length && (char.IsLetterOrDigit(sql[i]) || sql[i] == '.')) i++;
                tokens.Add(new(SqlTokenKind.Number, sql[start..i], depth, start));
            }
            else
            {
                i += Starts(sql, i, "::") || Starts(sql, i, "<=") || Starts(sql, i, ">=") || Starts(sql, i, "<>") || Starts(sql, i, "!=")
                    ? 2 : 1;
                if (c == ')') depth--;
                tokens.Add(new(SqlTokenKind.Symbol, sql[start..i], depth, start));
                if (c == '(') depth++;
            }
        }
        return tokens;
    }

    /// <summary>The index of the parenthesis that closes the one at an index, or the end.</summary>
    public static int Closing(IReadOnlyList<SqlToken> tokens, int open)
    {
        int i = open + 1;
        while (i < tokens.Count && !(tokens[i].Is(")") && tokens[i].Depth == tokens[open].Depth)) i++;
        return i;
    }

    private static bool Starts(string sql, int at, string text) => string.CompareOrdinal(sql, at, text, 0, text.Length) == 0;

    private static int End(string sql, int from, string mark)
    {
        int at = from >= sql.Length ? -1 : sql.IndexOf(mark, from, StringComparison.Ordinal);
        return at < 0 ? sql.Length : at + mark.Length;
    }

    /// <summary>Just past a comment, within which there may be others.</summary>
    private static int CommentEnd(string sql, int i)
    {
        int depth = 0;
        do
        {
            bool opens = Starts(sql, i, "/*"), closes = !opens && Starts(sql, i, "*/");
            depth += opens ? 1 : closes ? -1 : 0;
            i += opens || closes ? 2 : 1;
        }
        while (depth > 0 && i < sql.Length);
        return Math.Min(i, sql.Length);
    }

    private static string Quoted(string sql, ref int i, char quote, bool escapes)
    {
        var text = new System.Text.StringBuilder();
        for (i++; i < sql.Length; i++)
        {
            if (escapes && sql[i] == '\\' && i + 1 < sql.Length) text.Append(sql[++i]);
            else if (sql[i] != quote) text.Append(sql[i]);
            else if (i + 1 < sql.Length && sql[i + 1] == quote) text.Append(sql[i++]);
            else
            {
                i++;
                break;
            }
        }
        return text.ToString();
    }

    private static string? DollarTag(string sql, int i)
    {
        int end = i + 1;
        while (end < sql.Length && (char.IsLetterOrDigit(sql[end]) || sql[end] == '_')) end++;
        bool isParameter = end > i + 1 && char.IsAsciiDigit(sql[i + 1]);
        return end < sql.Length && sql[end] == '$' && !isParameter ? sql[i..(end + 1)] : null;
    }
}
