using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Plans.Advice;
using Woodgrove.Citus.Plans.Reading;

namespace Woodgrove.Citus.Plans.Requests;

/// <summary>
/// Says why Citus refuses a query, by what the query and its tables are like, never by the words of the refusal; and how
/// to write it otherwise, with what that costs.
/// </summary>
internal static class RefusedQuery
{
    public static async Task<CitusException> DescribeAsync(CitusConnection connection, PlanRequest request, PostgresException refusal,
        CancellationToken stop)
    {
        QueryShape shape = QueryShape.Of(request.Sql);
        await using NpgsqlConnection session = await request.OpenAsync(connection, stop);
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        PlanFacts facts = await PlanCatalog.ReadAsync(connection, session, [.. shape.Names.Distinct()], [], [], withSizes: true, stop);
        bool repartitionHelps = facts.Distributed.Any()
            && await request.WouldPlanAsync(connection, "citus.enable_repartition_joins", "on", stop);
        return Describe(shape, facts, repartitionHelps, refusal, request.Sql);
    }

    /// <param name="repartitionHelps">The query was planned when repartition joins were allowed.</param>
    internal static CitusException Describe(QueryShape shape, PlanFacts facts, bool repartitionHelps, PostgresException refusal, string sql)
    {
        if (Reason(shape, facts, repartitionHelps) is not { } reason) return PostgresErrors.Describe(refusal, sql);
        return PlanErrors.Refused(reason.Id, reason.Why, $"{reason.Otherwise} {reason.Price}", refusal, sql);
    }

    private sealed record RefusalReason(string Id, string Why, string Otherwise, string Price);

    private static RefusalReason? Reason(QueryShape shape, PlanFacts facts, bool repartitionHelps)
    {
        PlanTable[] tables = [.. facts.Distributed];
        if (tables.Length == 0) return null;
        string column = tables[0].DistributionColumn ?? "the distribution column";
        string names = string.Join(" and ",
            tables.Select(t => t.DistributionColumn is null ? $"{t.Display} (whole, on one node)"
                : $"{t.Display} (by {t.DistributionColumn})"));
        var joined = shape.JoinedColumns(facts.Tables).ToList();

        if (repartitionHelps)
        {
            string why = tables.Length > 1 ? $"{names} are not joined by the columns that they are distributed by"
                : $"{names} is joined with itself by other columns than that";
            return new("CitusRepartitionNeeded", $"{why}, so rows would have to move between the workers, which is switched off.",
                PlanErrors.AllowRepartition,
                $"Price: every run sends the rows of {(tables.Length > 1 ? "both tables" : "the table, twice,")} over the network. "
                    + "To pay once: " + ColocationFix.For(facts, joined));
        }
        if (shape.LocksRows)
        {
            return new("CitusRowLocksOverShards",
                $"FOR UPDATE and FOR SHARE lock rows on one node, and this query reaches several shards of {tables[0].Display}.",
                $"Add WHERE {column} = <value>; or run UPDATE … RETURNING, which locks what it changes in all shards.",
                "Price: one statement a value; or a write instead of a lock, committed on every node in two phases.");
        }
        if (shape.HasGroupingSets)
        {
            return new("CitusGroupingSets", "Citus can't split GROUPING SETS, CUBE, ROLLUP and GROUPING() over shards.",
                "Group by all the columns in a subquery that ends in OFFSET 0, and apply the grouping sets to its result: SELECT a, b, "
                    + "sum(n) FROM (SELECT a, b, count(*) AS n FROM … GROUP BY a, b OFFSET 0) s GROUP BY CUBE (a, b).",
                "Price: one row for each combination comes to the coordinator, which does the rest alone. "
                    + $"With WHERE {column} = <value> the query runs unchanged.");
        }
        if (shape.IsRecursive && !shape.RecursionUses(facts.Tables))
        {
            return new("CitusRecursiveCte", "The recursive CTE reads no table, but Citus plans it with the tables around it, "
                + "and can't send it to the shards.",
                "Let it run first, inside a CTE of its own: WITH r AS MATERIALIZED (WITH RECURSIVE … SELECT * FROM …), "
                    + "and use r in its place.",
                "Price: its rows are copied to every node.");
        }
        if (shape.IsRecursive)
        {
            return new("CitusRecursiveCte", "A recursive CTE needs its own last result, and over several shards no node has it.",
                $"Filter each part by {column} = <value>; or copy the rows first: CREATE TEMP TABLE t AS SELECT …, and recurse over t.",
                "Price: one value at a time; or the copied rows come to the coordinator, which works alone.");
        }
        if (shape.SetColumns.Contains(column))
        {
            return new("CitusDistributionColumnUpdate",
                $"{tables[0].Display}.{column} decides in which shard a row is; an UPDATE would have to move the row.",
                "In one transaction, INSERT the row with its new value and DELETE the old one.",
                "Price: two statements, on up to two nodes, committed in two phases.");
        }
        if (shape.Written(facts.Tables) is { Kind: TableKind.Reference } written)
        {
            return new("CitusReferenceTableTarget",
                $"{written.Display} is a reference table: each node changes a copy of its own, "
                    + $"and none has all the rows of {names} to change it by.",
                shape.IsMerge ? "Write it as INSERT … SELECT … ON CONFLICT (…) DO UPDATE."
                    : $"Let the source run first: WITH s AS MATERIALIZED (SELECT DISTINCT … FROM {tables[0].Display}), "
                        + $"and change {written.Display} by s.",
                "Price: the source's rows come to the coordinator and are copied to every node; filter and group them first.");
        }
        return JoinReason(shape, facts, tables, names, joined);
    }

    private static RefusalReason? JoinReason(QueryShape shape, PlanFacts facts, PlanTable[] tables, string names,
        IReadOnlyList<(PlanTable Table, string Column, PlanTable Other, string OtherColumn)> joined)
    {
        const string Pull = "Let one side run first, as WITH s AS MATERIALIZED (SELECT …) or as a subquery that ends in OFFSET 0, "
            + "and join s.";
        const string PullPrice = "Price: its rows come to the coordinator and are copied to every node, on each run; filter them first.";
        bool areColocated = tables.Select(t => t.ColocationId).Distinct().Count() == 1;
        if (shape.IsCorrelated)
        {
            return new("CitusCorrelatedSubquery",
                "The subquery asks for each row of the query around it, and the rows it asks for may be on any node: "
                    + $"it is not correlated by the distribution columns of {names}.",
                "Write it as a join with a subquery that groups by the correlated column and ends in OFFSET 0: … LEFT JOIN (SELECT k, "
                    + "count(*) AS n FROM t GROUP BY k OFFSET 0) s ON s.k = outer.k.", PullPrice);
        }
        if (!areColocated && shape.IsMerge && TypeMismatch.Find(facts, joined) is { } types)
        {
            return new("CitusJoinTypeMismatch", types.Message,
                "Cast the source's column in a subquery: USING (SELECT <column>::<type of the target's> AS <column>, … FROM …) s.",
                $"Price: the source's rows go from worker to worker, on each run. To pay once: {types.Fix}");
        }
        if (!areColocated && TypeMismatch.Find(facts, joined) is { } mismatch)
            return new("CitusJoinTypeMismatch", mismatch.Message, $"{Pull} {PullPrice}", $"To pay once: {mismatch.Fix}");
        if (shape.HasOuterJoin && !areColocated)
        {
            return new("CitusOuterJoinNotColocated",
                $"{names} are not colocated, and an outer join can't be repartitioned: a row without a match could only be found after "
                    + "all nodes had been asked.",
                Pull, $"{PullPrice} To pay once: {ColocationFix.For(facts, joined)}");
        }
        if (tables.Length > 1 && !areColocated)
        {
            return new("CitusJoinNotColocated",
                $"{names} are not colocated, and with its subqueries, CTEs or comparisons this query is not one that Citus repartitions.",
                Pull, $"{PullPrice} To pay once: {ColocationFix.For(facts, joined)}");
        }
        bool isJoinedByThem = joined.Any(j => j.Column == j.Table.DistributionColumn && j.OtherColumn == j.Other.DistributionColumn);
        if (tables.Length > 1 && !isJoinedByThem)
        {
            return new("CitusJoinNotOnDistributionColumn",
                $"{names} are colocated, but the query does not set their distribution columns equal, "
                    + "so any shard of one could match any shard of the other.",
                $"Join by them too: … AND {string.Join(" = ", tables.Take(2).Select(t => $"{t.Display}.{t.DistributionColumn}"))}, "
                    + $"if that is what is meant. Otherwise: {Pull}", PullPrice);
        }
        return null;
    }
}
