using System.Globalization;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Advice;

/// <summary>Looks for what could be better. Each rule is one method, and gives one code.</summary>
internal sealed class PlanAdvisor
{
    /// <summary>A shard this many times larger or smaller than the one that EXPLAIN shows makes the latter a poor example.</summary>
    private const double SkewFactor = 2;

    /// <summary>Shards below this size differ by the size of their empty pages and indexes alone.</summary>
    private const long SmallestTelling = 256 * 1024;

    private readonly CitusQueryPlan _plan;
    private readonly PlanView _view;
    private readonly PlanFacts _facts;
    private readonly Lazy<List<(PlanTable Table, string Column, PlanTable Other, string OtherColumn)>> _joined;

    private PlanAdvisor(CitusQueryPlan plan, PlanView view)
    {
        (_plan, _view, _facts) = (plan, view, view.Facts);
        _joined = new(() => plan.Query is null ? [] : [.. QueryShape.Of(plan.Query).JoinedColumns(_facts.Tables)]);
    }

    public static IReadOnlyList<PlanAdvice> Advise(CitusQueryPlan plan, PlanView view)
    {
        var advisor = new PlanAdvisor(plan, view);
        PlanAdvice?[] own =
        [
            advisor.RepartitionJoin(), advisor.PulledToCoordinator(), advisor.NoDistributionFilter(),
            advisor.DistributionColumnExpression(), advisor.JoinTypeMismatch(), advisor.RowsPulledForAggregate(),
            advisor.InsertSelectNotPushedDown(), advisor.FragmentNotRepresentative(),
        ];
        IEnumerable<PlanAdvice> parts = plan.Subplans.SelectMany((p, i) => p.Advice.Select(a => a with
            { Message = $"In part {i + 1}: {a.Message}" }));
        return [.. own.OfType<PlanAdvice>().Concat(MovedParts.Advise(plan, view)).Concat(QueryRewrites.Advise(plan, view)).Concat(parts)
            .DistinctBy(a => (a.Code, a.Fix)).OrderByDescending(a => a.Severity)];
    }

    private PlanAdvice? RepartitionJoin()
    {
        if (_plan.Execution != QueryExecution.Repartition) return null;
        string tables = string.Join(" and ", _facts.Distributed.Select(t => t.Display));
        return new PlanAdvice(PlanAdviceCodes.RepartitionJoin, AdviceSeverity.Warning,
            "Each run of the query sends the rows of "
                + $"{(_plan.Joins.HasFlag(QueryJoins.DualHashRepartition) ? $"{tables} between the workers (dual repartition: both sides move)"
                : $"{RepartitionSide.Of(_plan, _facts)?.Display ?? $"one of {tables}"} between the workers (single repartition: the other side stays)")}, because they are not colocated by the join's columns.",
            ColocationFix.For(_facts, _joined.Value));
    }

    private PlanAdvice? PulledToCoordinator()
    {
        bool window = _view.Scans.Count > 0 && _plan.Aggregation != QueryAggregation.Partial
            && _view.CoordinatorSteps.Any(n => n.NodeType == "WindowAgg");
        string held = string.Join(" and ", Held());
        if (_plan.Transfer() == false && _view.Scans.Count > 0 && _plan.Target(_facts)?.IsDistributed == true)
        {
            return new PlanAdvice(PlanAdviceCodes.PulledToCoordinator, AdviceSeverity.Warning,
                "All rows come to the coordinator and go out again to the target's shards.",
                held.Length > 0 ? $"Leave {held} out of the SELECT, where the result may do without: "
                    + "workers then send their rows straight to the shards."
                    : "Filter or group the source, so that fewer rows pass the coordinator.");
        }
        if (window)
        {
            return new PlanAdvice(PlanAdviceCodes.PulledToCoordinator, AdviceSeverity.Warning,
                "The window function is computed on the coordinator, over the rows of all shards.",
                $"If it is meant for each {Key} by itself, write PARTITION BY {Key}, …: each worker then computes it for its own rows. "
                    + $"That changes the result: rows of other values of {Key} no longer count. "
                    + "Otherwise filter or aggregate the rows in a subquery before the window.");
        }
        if (_plan.Aggregation != QueryAggregation.PulledToCoordinator || PulledAggregates().Count > 0 || _view.AnchorTable is null
            || _view.CombinesParts) return null;
        string faults = string.Join(" and ", PlanClassifier.AtFault(_view));
        return new PlanAdvice(PlanAdviceCodes.PulledToCoordinator, AdviceSeverity.Warning,
            faults.Length == 0 ? "The workers return every row, and the coordinator aggregates them alone."
                : $"{faults} can't be merged from parts: the workers return every row, and the coordinator computes all aggregates alone.",
            faults.Length == 0 ? $"Group by {Key} too, where a row for each {Key} is meant: that changes the result."
                : $"Leave out {faults}, or compute it in a query of its own over fewer rows: "
                    + $"the other aggregates are then merged from parts. Grouping by {Key} too would keep the work on the workers, "
                    + $"but gives a row for each {Key}.");
    }

    /// <summary>What of the query makes the coordinator see all rows before it can send them on.</summary>
    private IEnumerable<string> Held()
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(_plan.Query ?? "");
        if (tokens.Any(t => t.Is("limit") || t.Is("fetch"))) yield return "LIMIT";
        if (tokens.Any(t => t.Is("offset"))) yield return "OFFSET";
        if (tokens.Any(t => t.Is("over"))) yield return "the window function";
    }

    private string Key => _view.AnchorTable?.DistributionColumn ?? "<distribution column>";

    private PlanAdvice? NoDistributionFilter()
    {
        if (_plan.Execution != QueryExecution.MultiShard || _plan.Aggregation != QueryAggregation.None
            || (_plan.Joins & ~QueryJoins.Reference) != 0) return null;
        foreach (ScanConditions scan in _view.Fragments.Take(1).SelectMany(f => ScanConditions.Of(f, _facts)))
        {
            if (scan.UsesDistributionColumn || scan.Fixed.Count == 0) continue;
            string column = scan.Table.DistributionColumn!;
            return new PlanAdvice(PlanAdviceCodes.NoDistributionFilter, AdviceSeverity.Information,
                $"The query looks for rows by {string.Join(", ", scan.Fixed)}, which does not determine their shard: "
                    + $"all {_plan.TaskCount} shards of {scan.Table.Display} are searched.",
                $"Where {column} is known, add: AND {TableName.QuoteIfNeeded(column)} = <value>; then one shard answers.");
        }
        return null;
    }

    private PlanAdvice? DistributionColumnExpression()
    {
        if (_plan.TaskCount < 2) return null;
        ScanConditions? scan = _view.Fragments.Take(1).SelectMany(f => ScanConditions.Of(f, _facts))
            .FirstOrDefault(s => s.WrappedEquality is not null && !s.Fixed.Contains(s.Table.DistributionColumn!));
        if (scan is null) return null;
        return new PlanAdvice(PlanAdviceCodes.DistributionColumnExpression, AdviceSeverity.Warning,
            $"{scan.WrappedEquality} compares an expression over {scan.Table.DistributionColumn}, whose hash does not determine the shard: "
                + $"all {_plan.TaskCount} are searched.",
            $"Compare the column itself, with a value of its type: WHERE {TableName.QuoteIfNeeded(scan.Table.DistributionColumn!)} = "
                + $"<value>::{scan.Table.DistributionType}.");
    }

    private PlanAdvice? JoinTypeMismatch()
    {
        if (_plan.Execution is not (QueryExecution.Repartition or QueryExecution.PullPush)) return null;
        return TypeMismatch.Find(_facts, _joined.Value) is { } mismatch
            ? new PlanAdvice(PlanAdviceCodes.JoinTypeMismatch, AdviceSeverity.Warning, mismatch.Message, mismatch.Fix) : null;
    }

    private PlanAdvice? RowsPulledForAggregate()
    {
        if (PulledAggregates() is not { Count: > 0 } aggregates) return null;
        string names = string.Join(", ", aggregates);
        var cures = new List<string>();
        if (aggregates.Contains("count(DISTINCT)"))
            cures.Add("For count(DISTINCT), if an estimate is enough: "
                + "CREATE EXTENSION hll on all nodes and SET citus.count_distinct_error_rate = 0.01. "
                + "Exact and cheap is only count(DISTINCT <distribution column>).");
        if (aggregates.Any(a => a.EndsWith("(DISTINCT)", StringComparison.Ordinal) && a != "count(DISTINCT)"))
            cures.Add("Let a subquery drop the duplicates, which each worker does for its own rows: "
                + "SELECT avg(x) FROM (SELECT DISTINCT x FROM …) s.");
        if (aggregates.Any(a => !a.EndsWith(')')))
            cures.Add("For percentiles, if an estimate is enough: those of tdigest (CREATE EXTENSION tdigest on all nodes); "
                + $"or group by {_view.AnchorTable?.DistributionColumn ?? "the distribution column"}, "
                + "which computes each group on its worker.");
        return new PlanAdvice(PlanAdviceCodes.RowsPulledForAggregate, AdviceSeverity.Warning,
            _plan.Aggregation == QueryAggregation.Partial
                ? $"For {names} the workers can only drop duplicates within a shard; every distinct value of every shard comes to the "
                    + "coordinator."
                : $"{names} can't be merged from parts: every row comes to the coordinator.",
            string.Join(' ', cures));
    }

    private PlanAdvice? InsertSelectNotPushedDown()
    {
        if (_plan.Execution is not (QueryExecution.InsertSelectRepartition or QueryExecution.InsertSelectPull)
            || _view.Fragments.Count == 0) return null;
        if (_plan.Target(_facts) is not { DistributionColumn: { } column } target || _view.AnchorTable is not { } source) return null;
        bool colocated = source.DistributionColumn is not null && source.ColocationId == target.ColocationId;
        if (!colocated || SelectList.ExpressionNamed(_view.Fragments[0].Sql, column) == source.DistributionColumn) return null;
        return new PlanAdvice(PlanAdviceCodes.InsertSelectNotPushedDown, AdviceSeverity.Warning,
            $"{target.Display} and {source.Display} are colocated, but {target.Display}.{column} is not filled from "
                + $"{source.Display}.{source.DistributionColumn}, so the rows must travel.",
            $"Select {source.Display}.{source.DistributionColumn} for {target.Display}.{column}, "
                + "and have it in GROUP BY where there is one; each worker then writes its own rows.");
    }

    private PlanAdvice? FragmentNotRepresentative()
    {
        if (_view.AreAllTasksShown || _view.Fragments.Count == 0 || _view.AnchorTable is not { } table) return null;
        List<long> sizes = [.. _facts.ShardsOf(table).Select(s => s.SizeBytes).OfType<long>()];
        if (sizes.Count < _facts.ShardsOf(table).Count() || _facts.Shard(_view.Fragments[0].ShardId!.Value).SizeBytes is not { } shown)
            return null;
        if (sizes.Max() < SmallestTelling || (sizes.Max() < shown * SkewFactor && shown < sizes.Average() * SkewFactor)) return null;
        return new PlanAdvice(PlanAdviceCodes.FragmentNotRepresentative, AdviceSeverity.Information,
            string.Create(CultureInfo.InvariantCulture,
                $"EXPLAIN shows one of {_plan.TaskCount} fragments, on a shard of {shown:N0} bytes; "
                    + $"the shards of {table.Display} have {sizes.Min():N0} to {sizes.Max():N0}."),
            "Get-CitusQueryPlan -AllTasks shows every fragment; the slowest decides how long the query takes.");
    }

    /// <summary>Aggregates for which rows come up: those over distinct values, and those of a sorted set.</summary>
    private List<string> PulledAggregates()
    {
        if (_view.Scans.Count == 0) return [];
        List<string> outputs = [.. _view.CoordinatorSteps.Where(n => n.NodeType == "Aggregate").SelectMany(n => n.Output).Distinct()];
        IEnumerable<string> distinct = outputs.Select(SqlTokens.Read).SelectMany(t => Enumerable.Range(0, Math.Max(0, t.Count - 2))
            .Where(i => t[i].IsName && t[i + 1].Is("(") && t[i + 2].Is("distinct")).Select(i => $"{t[i].Text}(DISTINCT)"));
        IEnumerable<string> sorted = outputs.Where(o => SqlTokens.Read(o).Any(t => t.Is("within"))).SelectMany(PlanClassifier.Calls)
            .Where(_facts.Aggregates.Contains);
        return [.. distinct.Concat(sorted).Distinct()];
    }
}
