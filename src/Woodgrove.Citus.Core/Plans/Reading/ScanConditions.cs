using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>What the conditions of a fragment's scans say of the distribution column.</summary>
/// <param name="Table">The scanned table.</param>
/// <param name="Fixed">Columns that equal a constant.</param>
/// <param name="UsesDistributionColumn">A condition names it, in whatever way.</param>
/// <param name="WrappedEquality">A condition that compares an expression or cast of it with a constant, which can't choose a shard.</param>
/// <param name="IsNullKey">The condition of the scan holds only where the distribution column is NULL.</param>
internal sealed record ScanConditions(PlanTable Table, IReadOnlyList<string> Fixed, bool UsesDistributionColumn, string? WrappedEquality,
    bool IsNullKey)
{
    /// <summary>The scans of distributed tables in a fragment.</summary>
    public static IEnumerable<ScanConditions> Of(QueryFragment fragment, PlanFacts facts)
    {
        foreach (PlanNode scan in fragment.Plan?.Tree() ?? [])
        {
            if (scan.RelationName is not null && scan.Alias is not null && scan.NodeType != "ModifyTable"
                && facts.FindShard(scan.RelationName)?.Table is { DistributionColumn: { } column } table)
                yield return Read(scan, table, column);
        }
    }

    private static ScanConditions Read(PlanNode scan, PlanTable table, string distributionColumn)
    {
        var constants = new List<string>();
        string? wrapped = null;
        bool uses = false, isNullKey = false;
        // A bitmap scan's condition stands in its index scan, too, and there without a filter's rest.
        foreach (string condition in scan.Conditions)
        {
            IReadOnlyList<SqlToken> tokens = SqlTokens.Read(condition);
            uses |= Columns(tokens, scan.Alias!).Contains(distributionColumn);
            isNullKey |= IsNull(tokens, scan.Alias!, distributionColumn);
            foreach ((SqlToken[] left, SqlToken[] right) in Equalities(tokens))
            {
                if (Columns(right, scan.Alias!).Any()) continue;
                string[] columns = [.. Columns(left, scan.Alias!)];
                if (IsBareColumn(left)) constants.AddRange(columns);
                else if (columns.Contains(distributionColumn)) wrapped ??= condition;
            }
        }
        return new ScanConditions(table, constants, uses, wrapped, isNullKey);
    }

    /// <summary>The two sides of every "=": the server puts each comparison into parentheses of its own.</summary>
    internal static IEnumerable<(SqlToken[] Left, SqlToken[] Right)> Equalities(IReadOnlyList<SqlToken> tokens)
    {
        for (int i = 0; i < tokens.Count; i++)
        {
            if (!tokens[i].Is("=")) continue;
            int from = i, to = i;
            while (from > 0 && tokens[from - 1].Depth >= tokens[i].Depth && !IsConnective(tokens[from - 1], tokens[i].Depth)) from--;
            while (to + 1 < tokens.Count && tokens[to + 1].Depth >= tokens[i].Depth && !IsConnective(tokens[to + 1], tokens[i].Depth)) to++;
            yield return ([.. tokens.Skip(from).Take(i - from)], [.. tokens.Skip(i + 1).Take(to - i)]);
        }
    }

    /// <summary>"column IS NULL" by itself, or as one of several conditions that must all hold.</summary>
    private static bool IsNull(IReadOnlyList<SqlToken> tokens, string alias, string column) =>
        !tokens.Any(t => t.Is("or") || t.Is("not") || t.Is("case"))
        && Enumerable.Range(0, Math.Max(0, tokens.Count - 4)).Any(i => tokens[i].IsName && tokens[i].Text == alias && tokens[i + 1].Is(".")
            && tokens[i + 2].IsName && tokens[i + 2].Text == column && tokens[i + 3].Is("is") && tokens[i + 4].Is("null"));

    private static bool IsConnective(SqlToken token, int depth) => token.Depth == depth && (token.Is("and") || token.Is("or"));

    private static bool IsBareColumn(SqlToken[] side) => side is [{ IsName: true }, { Text: "." }, { IsName: true }];

    private static IEnumerable<string> Columns(IReadOnlyList<SqlToken> tokens, string alias)
    {
        for (int i = 0; i + 2 < tokens.Count; i++)
        {
            if (tokens[i].IsName && tokens[i].Text == alias && tokens[i + 1].Is(".") && tokens[i + 2].IsName)
                yield return tokens[i + 2].Text;
        }
    }
}
