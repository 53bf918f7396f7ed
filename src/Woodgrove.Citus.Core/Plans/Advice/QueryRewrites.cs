using System.Globalization;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Advice;

/// <summary>Advice that follows from how a query is written, where its plan shows that it costs something.</summary>
internal sealed class QueryRewrites
{
    /// <summary>Rows skipped on each shard that are worth a keyset.</summary>
    private const long DeepOffset = 1000;

    private readonly CitusQueryPlan _plan;
    private readonly PlanView _view;
    private readonly IReadOnlyList<SqlToken> _query;

    private QueryRewrites(CitusQueryPlan plan, PlanView view) => (_plan, _view, _query) = (plan, view, SqlTokens.Read(plan.Query!));

    public static IEnumerable<PlanAdvice> Advise(CitusQueryPlan plan, PlanView view)
    {
        if (plan.Query is null || !view.Facts.IsCitus) return [];
        var rewrites = new QueryRewrites(plan, view);
        return new[] { rewrites.Offset(), rewrites.ValueList(), rewrites.LocalTableCreated() }.OfType<PlanAdvice>();
    }

    /// <summary>Each fragment returns what is skipped too, and the coordinator counts it off.</summary>
    private PlanAdvice? Offset()
    {
        int at = Outermost("offset");
        if (_plan.TaskCount < 2 || at < 0 || at + 1 >= _query.Count
            || !long.TryParse(_query[at + 1].Text, NumberStyles.None, CultureInfo.InvariantCulture, out long skipped)
            || skipped < DeepOffset || _plan.Aggregation is QueryAggregation.PulledToCoordinator) return null;
        DataMovement? back = _plan.Movements.FirstOrDefault(m => m is { Kind: DataMovementKind.FragmentResult, Part: null });
        if (back is null) return null;
        string amount = string.Create(CultureInfo.InvariantCulture,
            $"{back.Bytes:N0} bytes ({(back.IsMeasured ? "measured" : "estimated")})");
        return new PlanAdvice(PlanAdviceCodes.DeepOffset, AdviceSeverity.Warning,
            string.Create(CultureInfo.InvariantCulture,
                $"Only the coordinator can count off OFFSET {skipped}: each of {_plan.TaskCount} fragments returns the rows to skip "
                    + $"along with the page, {amount} in all."),
            $"Page by the last row instead of by its number: {Keyset()}. The columns of ORDER BY must together be unique and not NULL.");
    }

    private string Keyset()
    {
        int order = Outermost("order");
        if (order < 0)
            return "ORDER BY a unique column, and WHERE <column> > <its value in the last row of the page before>, "
                + "with LIMIT and without OFFSET";
        List<SqlToken> by = [.. _query.Skip(order + 2)
            .TakeWhile(t => t.Depth > 0 || !(t.Is("limit") || t.Is("offset") || t.Is("fetch") || t.Is(";") || t.Is("for")))];
        bool isDescending = by.Exists(t => t.Is("desc"));
        if (by.Exists(t => t.Is("asc") || t.Is(",")) && isDescending && by.Count(t => t.Is("desc")) <= by.Count(t => t.Is(",")))
            return "give all columns of ORDER BY one direction, and compare them as a row with those of the last row of the page before, "
                + "with LIMIT and without OFFSET";
        string[] columns = Join(by.Where(t => !t.Is("desc") && !t.Is("asc"))).Split(", ");
        string left = columns.Length == 1 ? columns[0] : $"({string.Join(", ", columns)})";
        string right = columns.Length == 1 ? $"<{columns[0]} of the last row>"
            : $"({string.Join(", ", columns.Select(c => $"<{c} of the last row>"))})";
        return $"WHERE {left} {(isDescending ? "<" : ">")} {right} {Join(_query.Skip(order).Take(2)).ToUpperInvariant()} {Join(by)}, "
            + "with LIMIT and without OFFSET";
    }

    /// <summary>Constants in a subquery are not known when the shards are chosen; in a list they are.</summary>
    private PlanAdvice? ValueList()
    {
        if (_plan.TaskCount < 2 || _view.AnchorTable is not { DistributionColumn: { } key } table) return null;
        for (int i = 1; i + 2 < _query.Count; i++)
        {
            bool isList = _query[i].Is("in") && _query[i + 1].Is("(") && (_query[i + 2].Is("values") || _query[i + 2].Is("select"));
            if (!isList || !_query[i - 1].IsName || _query[i - 1].Text != key) continue;
            SqlToken[] inside = [.. _query.Skip(i + 2).Take(SqlTokens.Closing(_query, i + 1) - i - 2)];
            if (inside.Any(t => t.Is("from") || t.Is("where") || t.Is("limit") || t.Is("offset") || t.Is("except") || t.Is("intersect")))
                continue;
            string? values = Values(inside);
            if (values is null) continue;
            string column = TableName.QuoteIfNeeded(key);
            return new PlanAdvice(PlanAdviceCodes.ValuesNotInList, AdviceSeverity.Warning,
                $"The values for {key} are in a subquery, which is computed after the shards have been chosen: "
                    + $"all {_plan.TaskCount} shards of {table.Display} are read.",
                $"Write them as a list, by which Citus chooses the shards: {column} IN ({values}).");
        }
        return null;
    }

    /// <summary>Of VALUES rows of one column, or of SELECTs without a table joined by UNION; null for anything else.</summary>
    private static string? Values(SqlToken[] inside)
    {
        var values = new List<List<SqlToken>> { new() };
        bool ofRows = inside[0].Is("values");
        int depth = inside[0].Depth;
        foreach (SqlToken token in inside.Skip(1))
        {
            bool isOuter = token.Depth == depth;
            if (ofRows && isOuter && token.Is(",")) values.Add([]);
            else if (ofRows && isOuter && (token.Is("(") || token.Is(")"))) continue;
            else if (!ofRows && isOuter && token.Is("union")) values.Add([]);
            else if (!ofRows && isOuter && (token.Is("select") || token.Is("all") || token.Is("distinct"))) continue;
            // A row of several columns, or a column with a name: not a plain list.
            else if (token.Is(",") && token.Depth == (ofRows ? depth + 1 : depth)) return null;
            else if (token.Is("as")) return null;
            else values[^1].Add(token);
        }
        return values.TrueForAll(v => v.Count > 0) ? string.Join(", ", values.Select(Join)) : null;
    }

    private PlanAdvice? LocalTableCreated()
    {
        if (CreateTableAs.Of(_plan.Query) is not { } created || _view.AnchorTable is not { IsDistributed: true } source) return null;
        string? column = source.DistributionColumn is { } key && _view.Fragments.Count > 0
            && SelectList.ExpressionNamed(_view.Fragments[0].Sql, key) == key ? key : null;
        string distribute = column is null
            ? $"SELECT create_distributed_table({Literal(created.Name)}, '<column>');"
            : $"SELECT create_distributed_table({Literal(created.Name)}, {Literal(column)}, colocate_with => {Literal(source.Display)});";
        return new PlanAdvice(PlanAdviceCodes.LocalTableCreated, AdviceSeverity.Warning,
            $"CREATE TABLE AS makes a local table: all rows come to the node one is connected to, and {created.Name} is not distributed.",
            $"CREATE TABLE {created.Name} AS {created.Select} WITH NO DATA; {distribute} INSERT INTO {created.Name} {created.Select};");
    }

    private int Outermost(string word) =>
        Enumerable.Range(0, _query.Count).LastOrDefault(i => _query[i].Depth == 0 && _query[i].Is(word), -1);

    private static string Literal(string text) => TableName.Literal(text);

    /// <summary>Tokens as SQL again.</summary>
    private static string Join(IEnumerable<SqlToken> tokens)
    {
        var sql = new System.Text.StringBuilder();
        SqlToken? last = null;
        foreach (SqlToken token in tokens)
        {
            bool isTight = token.Is(",") || token.Is(".") || token.Is("::") || token.Is(")") || token.Is("(") || last is null
                || last.Value.Is(".") || last.Value.Is("::") || last.Value.Is("(") || last.Value.Is("-");
            if (!isTight) sql.Append(' ');
            sql.Append(token.Kind switch { SqlTokenKind.Literal => Literal(token.Text), SqlTokenKind.Quoted => TableName.Quote(token.Text),
                _ => token.Text });
            last = token;
        }
        return sql.ToString();
    }
}
