using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Advice;

/// <summary>Finds an expression in the SELECT list of a fragment.</summary>
internal static class SelectList
{
    /// <summary>The expression that bears a name, without the table in front of a plain column; null where there is none.</summary>
    public static string? ExpressionNamed(string sql, string name)
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(sql);
        int start = tokens.TakeWhile(t => !(t.Depth == 0 && t.Is("select"))).Count() + 1;
        while (start < tokens.Count)
        {
            int end = start;
            while (end < tokens.Count && !(tokens[end].Depth == 0 && (tokens[end].Is(",") || tokens[end].Is("from")))) end++;
            SqlToken[] item = [.. tokens.Skip(start).Take(end - start)];
            if (item.Length > 0 && item[^1].IsName && item[^1].Text == name)
            {
                SqlToken[] expression = item.Length > 2 && item[^2].Is("as") ? item[..^2] : item;
                return expression is [{ IsName: true }, { Text: "." }, { IsName: true } column] ? column.Text
                    : string.Concat(expression.Select(t => t.Text));
            }
            if (end >= tokens.Count || !tokens[end].Is(",")) break;
            start = end + 1;
        }
        return null;
    }
}
