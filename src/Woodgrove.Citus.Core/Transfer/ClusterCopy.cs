using Npgsql;
using Woodgrove.Citus.Comparison;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Transfer;

/// <summary>Tables of one cluster, or one PostgreSQL server, copied into the tables of the same names of another.</summary>
public sealed record ClusterCopy(CitusConnection From, CitusConnection To, IReadOnlyList<TableName> Tables)
{
    /// <summary>How many parts are copied at the same time.</summary>
    public int Parallel { get; init; } = 16;

    /// <summary>Names the copy; what an earlier run of it has committed is not copied again.</summary>
    public Guid? ImportId { get; init; }

    /// <summary>Continues the latest copy of each table from this source; one that is complete is not copied again.</summary>
    public bool Resume { get; init; }

    /// <summary>A query of the source whose rows go into the one table.</summary>
    public string? Query { get; init; }

    public ConflictAction OnConflict { get; init; }

    /// <summary>The key that decides; null takes the primary key, or the only unique one.</summary>
    public IReadOnlyList<string>? KeyColumns { get; init; }

    /// <summary>Drops indexes and foreign keys of empty tables, and recreates them after the rows.</summary>
    public bool DeferIndexes { get; init; }

    /// <summary>Compares each table with the snapshot that was copied, once all tables have their rows.</summary>
    public bool Verify { get; init; }

    public Action<CopyProgress>? Progress { get; init; }

    /// <summary>Told what is done and why, a sentence at a time.</summary>
    public Action<string>? Explain { get; init; }

    /// <summary>Told what the user should know but did not ask.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Copies the tables, each after those that its foreign keys refer to.</summary>
    /// <param name="report">Receives each table that is complete.</param>
    /// <exception cref="CitusException">A table could not be copied; it says what is in the target, and those after it are not
    /// begun.</exception>
    public async Task RunAsync(Func<CopyResult, ValueTask> report, CancellationToken stop)
    {
        IReadOnlyList<TablePlan> plans = await PlanAsync(await From.AtCoordinatorAsync(stop), await To.AtCoordinatorAsync(stop), stop);
        await using var run = new CopyRun(this, plans);
        await run.OpenAsync(stop);
        Guid copyId = ImportId ?? Guid.NewGuid();
        var waiting = new List<(TablePlan Plan, CopyResult Result)>();
        foreach (TablePlan plan in plans)
        {
            CopyResult result = await run.CopyAsync(plan, copyId, stop);
            if (await run.WaitsAsync(result, stop)) waiting.Add((plan, result));
            else await report(result);
        }
        // Once all tables have their rows.
        foreach ((TablePlan plan, CopyResult result) in waiting) await report(await run.CompleteAsync(plan, result, stop));
    }

    /// <summary>Refuses what <see cref="RunAsync"/> would refuse before it copies a row, explains what it would do, and changes
    /// nothing.</summary>
    public async Task CheckAsync(CancellationToken stop)
    {
        foreach (TablePlan plan in await PlanAsync(await From.AtCoordinatorAsync(stop), await To.AtCoordinatorAsync(stop), stop))
        {
            Explain?.Invoke($"{plan.Target.Display}: {plan.Reason}");
            if (plan.Triggers.Count > 0) Warn?.Invoke(CopyErrors.TriggersFire(plan));
        }
    }

    private async Task<IReadOnlyList<TablePlan>> PlanAsync(CitusConnection from, CitusConnection to, CancellationToken stop)
    {
        if (Query is not null && Tables.Count != 1) throw CopyErrors.QueryNeedsOneTable();
        if (Verify && (Query is not null || OnConflict != ConflictAction.Error)) throw CopyErrors.VerifyNeedsWholeTables();
        await using NpgsqlConnection source = await from.OpenSessionAsync(stop);
        await using NpgsqlConnection target = await to.OpenSessionAsync(stop);
        if (Query is null && from.Database == to.Database
            && await CoordinatorFacts.IdentifierAsync(source, stop) == await CoordinatorFacts.IdentifierAsync(target, stop)
            && await source.ScalarAsync<string>(CoordinatorFacts.Start, stop) == await target.ScalarAsync<string>(CoordinatorFacts.Start, stop))
            throw CopyErrors.SameDatabase(to.Name);
        await LedgerSchema.RequireAsync(target, withParts: false, stop);
        var planner = new CopyPlanner(this, from, source, to, target);
        var plans = new List<TablePlan>();
        foreach (TableName table in Tables)
        {
            plans.Add(await planner.PlanAsync(table, stop));
            if (Verify) await ComparedTable.FindAsync(from, plans[^1].Source.Name, to, stop); // or refused after all rows are copied
        }
        return await TableOrder.SortAsync(target, plans, stop);
    }
}
