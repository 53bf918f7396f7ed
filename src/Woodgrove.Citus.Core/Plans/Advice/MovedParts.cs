using System.Globalization;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Advice;

/// <summary>
/// Says of each part that runs first and moves much why it does, how much it moves, and how the query moves less. The
/// causes are read from the part's own plan and from the fragments that use its result.
/// </summary>
internal sealed class MovedParts
{
    /// <summary>Below this, a result costs less than the round trips that bring it.</summary>
    private const long WorthTelling = 8192;

    private const long Much = 1024 * 1024;

    private readonly CitusQueryPlan _plan;
    private readonly PlanView _view;
    private readonly IReadOnlyList<SqlToken> _query;
    private readonly IReadOnlyList<SqlToken> _use;

    private sealed record Reason(string Why, string Fix);

    private MovedParts(CitusQueryPlan plan, PlanView view)
    {
        (_plan, _view) = (plan, view);
        _query = SqlTokens.Read(plan.Query ?? "");
        _use = view.Fragments.Count > 0 ? SqlTokens.Read(view.Fragments[0].Sql) : [];
    }

    public static IEnumerable<PlanAdvice> Advise(CitusQueryPlan plan, PlanView view)
    {
        // A part is reported with the query that it is a part of, whose text says how it came about.
        if (plan.Query is null) yield break;
        var moved = new MovedParts(plan, view);
        var parts = plan.Subplans.Select((p, i) => (Number: i + 1, Reason: moved.ReasonOf(p), Moved: moved.Bytes(i + 1)))
            .Where(p => p.Reason is not null && p.Moved.Sum(m => m.Bytes) >= WorthTelling).ToList();
        foreach (var same in parts.GroupBy(p => p.Reason!))
        {
            List<DataMovement> all = [.. same.SelectMany(p => p.Moved)];
            string named = same.Count() == 1 ? $"Part {same.First().Number} runs first, because it"
                : $"Parts {string.Join(" and ", same.Select(p => p.Number))} run first, because each";
            yield return new PlanAdvice(PlanAdviceCodes.IntermediateResultMoved,
                all.Sum(m => m.Bytes) > Much ? AdviceSeverity.Warning : AdviceSeverity.Information,
                $"{named} {same.Key.Why}. {moved.Amount(all)}", same.Key.Fix);
        }
    }

    /// <summary>What comes to the coordinator for a part, and what goes out of its result.</summary>
    private List<DataMovement> Bytes(int part) => [.. _plan.Movements.Where(m => m.Part == part)];

    private string Amount(List<DataMovement> moved)
    {
        string Bytes(DataMovementKind kind) =>
            moved.Where(m => m.Kind == kind).Sum(m => m.Bytes).ToString("N0", CultureInfo.InvariantCulture);
        string how = moved.TrueForAll(m => m.IsMeasured) ? "measured" : "estimated";
        string came = moved.Exists(m => m.Kind == DataMovementKind.FragmentResult)
            ? $"{Bytes(DataMovementKind.FragmentResult)} bytes come to the coordinator" : "";
        string went = moved.Find(m => m.Kind == DataMovementKind.IntermediateResult) is { } copied
            ? $"{Bytes(DataMovementKind.IntermediateResult)} bytes are copied to {copied.To}" : "";
        return $"{string.Join(", and ", new[] { came, went }.Where(s => s.Length > 0))} ({how}).";
    }

    /// <summary>Null where nothing in the query would move less.</summary>
    private Reason? ReasonOf(CitusQueryPlan part)
    {
        // What reads no table or only other parts' results is small, or is reported with those parts.
        bool readsTable = part.Fragments.Any(f => f.Shards.Count > 0) || part.Execution == QueryExecution.Repartition;
        if (part.Execution == QueryExecution.Local && part.CoordinatorPlan.Tree().Any(n => n.RelationName is not null)) return LocalTable();
        if (!readsTable) return null;
        if (part.Fragments.Any(f => f.Plan?.Operation is not null))
            return new("changes rows", "A part that changes rows always runs first: have it return no more columns than the rest needs.");
        return SetOperation(part) ?? OuterSide() ?? (IsCutOff(part) ? CutOff() : null) ?? RunFirstByText(part) ?? Grouped(part)
            ?? Membership() ?? Join();
    }

    private Reason? LocalTable() => _view.Facts.Tables.FirstOrDefault(t => t.Kind == TableKind.Local) is not { } local ? null : new(
        $"reads {local.Display}, which only the coordinator has",
        $"If {local.Display} rarely changes, SELECT create_reference_table({TableName.Literal(local.Display)}); "
            + "gives every node a copy. Otherwise filter it to the rows and columns that the query needs.");

    private Reason? SetOperation(CitusQueryPlan part)
    {
        if (_use.FirstOrDefault(t => t.Depth == 0 && (t.Is("union") || t.Is("except") || t.Is("intersect"))) is not { Text: { } word })
            return null;
        bool keepsDuplicates = Enumerable.Range(0, _use.Count - 1)
            .Any(i => _use[i].Depth == 0 && _use[i].Is(word) && _use[i + 1].Is("all"));
        // All rows are the answer, or are counted one by one: nothing moves less.
        if (keepsDuplicates) return null;
        string why = $"is a branch of {word.ToUpperInvariant()} outside all parentheses, which the coordinator computes alone";
        return word == "union" && _plan.Subplans.All(SelectsItsKey)
            && _plan.Subplans.Select(p => _view.Facts.Shard(p.Fragments[0].ShardId!.Value).Table.ColocationId).Distinct().Count() == 1
            ? new(why, "Put the whole UNION into a subquery: SELECT * FROM (… UNION …) u. "
                + "Its branches are colocated and hold the distribution column, so each worker removes the duplicates of its own shards.")
            : part.Aggregation != QueryAggregation.None ? null
            : new(why, $"Write SELECT DISTINCT in each branch of the {word.ToUpperInvariant()}: the result is the same, "
                + "and each worker removes the duplicates of its own shards before it sends its rows.");
    }

    /// <summary>The part's rows have their distribution column in them, under its own name.</summary>
    private bool SelectsItsKey(CitusQueryPlan part) =>
        part.Fragments is [var fragment, ..] && fragment.ShardId is { } id
            && _view.Facts.Shard(id).Table is { DistributionColumn: { } key, Kind: TableKind.Distributed }
        && SelectList.ExpressionNamed(fragment.Sql, key) == key;

    /// <summary>What keeps all its rows has no shards: every shard of the other side could match each of them.</summary>
    private Reason? OuterSide()
    {
        if (!_view.CombinesParts || _view.AnchorTable is not { Kind: TableKind.Reference } table) return null;
        if (QueryShape.Of(_plan.Query!).HasOuterJoin)
        {
            string why = $"is the inner side of an outer join that keeps all rows of the reference table {table.Display}, "
                + "which no shard can do alone; one node joins them";
            return _plan.Aggregation == QueryAggregation.None
                ? new(why, "Select fewer columns of the distributed table, or filter its rows in a subquery before the join.")
                : GroupFirst(why, table);
        }
        return Membership();
    }

    private Reason GroupFirst(string why, PlanTable kept)
    {
        (PlanTable Table, string Column, PlanTable Other, string OtherColumn)? join = QueryShape.Of(_plan.Query!)
            .JoinedColumns(_view.Facts.Tables)
            .FirstOrDefault(j => (j.Table == kept && j.Other.IsDistributed) || (j.Other == kept && j.Table.IsDistributed));
        if (join is not { Table: not null } found)
            return new(why, "Group the distributed table by the join's column in a subquery, and join that: one row a group moves then.");
        (PlanTable other, string column, string keptColumn) = found.Table == kept ? (found.Other, found.OtherColumn, found.Column)
            : (found.Table, found.Column, found.OtherColumn);
        string by = TableName.QuoteIfNeeded(column);
        return new(why, $"Group first, then join: … FROM {kept.Display} LEFT JOIN (SELECT {by}, "
            + $"count(*) AS n FROM {other.Display} GROUP BY {by}) s "
            + $"ON s.{by} = {kept.Display}.{TableName.QuoteIfNeeded(keptColumn)}, with coalesce(s.n, 0) for the count: "
            + "one row a group moves then.");
    }

    /// <summary>IN, NOT IN and = ANY with a subquery of which each value is needed once.</summary>
    private Reason? Membership()
    {
        for (int i = 0; i + 2 < _query.Count; i++)
        {
            if (!_query[i].Is("in") || !_query[i + 1].Is("(") || !_query[i + 2].Is("select")
                || (i + 3 < _query.Count && _query[i + 3].Is("distinct"))) continue;
            string word = i > 0 && _query[i - 1].Is("not") ? "NOT IN" : "IN";
            if (_query.Skip(i + 2).Take(SqlTokens.Closing(_query, i + 1) - i - 2).Any(t => t.Is("group") || t.Is("limit") || t.Is("union")))
                continue;
            return new($"is the subquery of {word}, whose values no shard has all of",
                $"Where its values repeat, write {word} (SELECT DISTINCT …): the result is the same, "
                    + "and each worker removes the duplicates of its own shards before it sends the values.");
        }
        return null;
    }

    private static bool IsCutOff(CitusQueryPlan part) => part.CoordinatorPlan.Tree().Any(n => n.NodeType == "Limit");

    private static Reason CutOff() => new("has a LIMIT or OFFSET over all shards, which only the coordinator can count",
        "Select fewer columns in it. The LIMIT itself keeps the result small: leave it in.");

    /// <summary>What the query's own words make run first, though it could run shard by shard.</summary>
    private Reason? RunFirstByText(CitusQueryPlan part)
    {
        if (part.Aggregation is QueryAggregation.Partial or QueryAggregation.PulledToCoordinator || IsCutOff(part)) return null;
        bool Has(string first, string second) =>
            Enumerable.Range(0, Math.Max(0, _query.Count - 1))
                .Any(i => _query[i].Is(first) && (_query[i + 1].Is(second) || _query[i + 1].Text == second));
        if (Has("as", "materialized"))
            return new("is a CTE that is MATERIALIZED",
                "Leave out MATERIALIZED where the CTE is used once: it then becomes a subquery, which runs shard by shard where it can.");
        if (Has("offset", "0") && !QueryShape.Of(_plan.Query!).HasGroupingSets)
            return new("is a subquery that ends in OFFSET 0",
                "Leave out OFFSET 0 where the subquery can be joined by the distribution column: it then runs shard by shard.");
        if (_query.FirstOrDefault().Is("with") && CteUsedTwice() is { } cte)
            return new($"is the CTE {cte}, which is used more than once",
                $"Write WITH {cte} AS NOT MATERIALIZED (…): each use then runs shard by shard where it can, and reads the table again.");
        return null;
    }

    private string? CteUsedTwice() => Enumerable.Range(0, Math.Max(0, _query.Count - 2))
        .Where(i => _query[i].IsName && _query[i].Depth == 0 && _query[i + 1].Is("as") && _query[i + 2].Is("("))
        .Select(i => _query[i].Text)
        .FirstOrDefault(name => Enumerable.Range(1, _query.Count - 1)
            .Count(i => _query[i].IsName && _query[i].Text == name
                && (_query[i - 1].Is("from") || _query[i - 1].Is("join") || _query[i - 1].Is(","))) > 1);

    private Reason? Grouped(CitusQueryPlan part)
    {
        if (part.Aggregation is not (QueryAggregation.Partial or QueryAggregation.PulledToCoordinator)
            || QueryShape.Of(_plan.Query!).HasGroupingSets) return null;
        string key = part.Fragments.Select(f => f.ShardId is { } id ? _view.Facts.Shard(id).Table.DistributionColumn : null)
            .FirstOrDefault() ?? "the distribution column";
        return new($"groups by other columns than {key}, so that its groups span shards",
            "Filter the rows that it groups, or group by fewer columns: every group of every shard moves.");
    }

    private Reason? Join()
    {
        var joined = QueryShape.Of(_plan.Query!).JoinedColumns(_view.Facts.Tables).ToList();
        if (joined.Count == 0 || _view.Facts.Distributed.Select(t => t.ColocationId).Distinct().Count() < 2) return null;
        return new("is joined by other columns than both tables are distributed by",
            $"Filter it to the rows and columns that the join needs. {ColocationFix.For(_view.Facts, joined)}");
    }
}
