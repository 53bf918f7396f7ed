using System.Diagnostics;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Export;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Comparison;

/// <summary>
/// Compares tables of two databases: in one scan of each, the servers count the rows and add up two hashes of each row's
/// text, by groups of rows. The sums of shards add up to those of the table, however it is sharded. Only of groups that
/// differ are keys and hashes fetched, and only of keys that differ the rows.
/// </summary>
public sealed class TableComparer(CitusConnection from, CitusConnection to)
{
    /// <summary>How many differences are listed at most.</summary>
    public int MaxDifferences { get; init; } = 100;

    /// <summary>How many shards of a node are read side by side.</summary>
    public int SessionsPerNode { get; init; } = 4;

    /// <summary>Receives what is done and why, a sentence at a time.</summary>
    public Action<string>? Explain { get; init; }

    /// <summary>Receives how many of the queries of the first scan are done, and how many there are.</summary>
    public Action<int, int>? Progress { get; init; }

    /// <exception cref="CitusException">A side has no such table, or not all of its rows may be read.</exception>
    public async Task<TableComparison> CompareAsync(TableName name, CancellationToken stop)
    {
        (ComparedTable source, ComparedTable target) = await ComparedTable.FindAsync(from, name, to, stop);
        await using ComparedRows sourceRows = await ComparedRows.OpenAsync(source, SessionLimit.OnEachNode(SessionsPerNode), stop);
        await using ComparedRows targetRows = await ComparedRows.OpenAsync(target, SessionLimit.OnEachNode(SessionsPerNode), stop);
        return await CompareAsync(sourceRows, targetRows, stop);
    }

    /// <summary>Compares rows as somebody sees them, such as those of the snapshot that was copied.</summary>
    internal async Task<TableComparison> CompareAsync(ComparedRows source, ComparedRows target, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        string method = $"source: {source.Method}; target: {target.Method}";
        Explain?.Invoke($"{source.Table.Info.Display} is compared by two sums of 64-bit hashes of its rows; {method}.");
        var columns = new ComparedColumns(source.Table, target.Table);
        var queries = new RowQueries(columns);
        (RowSums from, RowSums to) = await SumsAsync(source, target, queries, stop);

        var differences = new List<TableDifference>(columns.Differences);
        List<string> notes = [.. columns.Notes];
        if (source.Table.Place == target.Table.Place) notes.Add(ComparisonErrors.SameTable);
        bool isSame = !from.DifferingFrom(to).Any(), hasMore = false;
        if (!isSame)
        {
            Explain?.Invoke($"{from.DifferingFrom(to).Count()} of {RowQueries.Groups} groups of rows differ; their keys are read.");
            (List<TableDifference> rows, hasMore) =
                await new RowDifferences(source, target, columns, queries, MaxDifferences).FindAsync(from, to, stop);
            differences.AddRange(rows);
            if (rows.Count == 0 && !hasMore) notes.Add(ComparisonErrors.ChangedMeanwhile);
        }
        foreach ((ComparedRows side, RowSums sums, TableDifferenceKind kind) in new[]
            { (source, from, TableDifferenceKind.MisplacedInSource), (target, to, TableDifferenceKind.MisplacedInTarget) })
        {
            if (sums.Misplaced > 0)
                differences.AddRange(await RowDifferences.MisplacedAsync(side, columns, queries, kind, MaxDifferences, stop));
            hasMore |= sums.Misplaced > MaxDifferences;
            if (!side.KnowsPlaces && side.Table.Info.DistributionColumn is not null)
                notes.Add(ComparisonErrors.NotChecked(side.Table.Side));
        }
        bool isEqual = isSame && differences.Count == 0 && from.Misplaced + to.Misplaced == 0;
        return new TableComparison(source.Table.Info.Name.ToString(), isEqual, from.Rows, to.Rows, differences, hasMore, clock.Elapsed,
            method, source.Consistency, target.Consistency, notes);
    }

    private async Task<(RowSums Source, RowSums Target)> SumsAsync(ComparedRows source, ComparedRows target, RowQueries queries,
        CancellationToken stop)
    {
        int done = 0, parts = source.Parts + target.Parts;
        void PartRead() => Progress?.Invoke(Interlocked.Increment(ref done), parts);
        RowSums? from = null, to = null;
        await Both.RunAsync(async (isSource, all) =>
        {
            RowSums sums = await RowSums.ReadAsync(isSource ? source : target, queries, PartRead, all);
            if (isSource) from = sums;
            else to = sums;
        }, stop);
        return (from!, to!);
    }
}
