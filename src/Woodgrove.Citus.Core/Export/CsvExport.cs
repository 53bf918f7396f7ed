using System.Collections;
using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;
using Woodgrove.Citus.Queries;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Export;

/// <summary>A table, or what a query returns, into one CSV file.</summary>
public sealed class CsvExport(CitusConnection connection, string path)
{
    /// <summary>The table to export; null where a query is.</summary>
    public TableName? Table { get; init; }

    /// <summary>The table's columns to export, in this order; null takes all that can be loaded again.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>The query whose rows to export; null where a table is.</summary>
    public string? Query { get; init; }

    /// <summary>Values by name, for <c>@name</c> in the query.</summary>
    public IDictionary? Parameters { get; init; }

    public CsvDialect Dialect { get; init; } = new();

    /// <summary>Puts an apostrophe before values that a spreadsheet would run as formulas.</summary>
    public bool EscapeFormula { get; init; }

    /// <summary>Writes gzip.</summary>
    public bool Compress { get; init; }

    /// <summary>Replaces a file that exists.</summary>
    public bool Overwrite { get; init; } = true;

    /// <summary>Replaces even one that is read-only.</summary>
    public bool Force { get; init; }

    /// <summary>Reads the shards from their nodes, side by side, where that can be one snapshot.</summary>
    public bool Parallel { get; init; }

    public Action<ExportProgress>? Progress { get; init; }

    /// <summary>Receives what is done and why, a sentence at a time.</summary>
    public Action<string>? Explain { get; init; }

    /// <summary>Receives what the user asked for and does not get.</summary>
    public Action<string>? Warn { get; init; }

    private string Copy(string from) => $"COPY {from} TO STDOUT WITH ({Dialect.CopyOptions()})";

    /// <summary>Refuses what <see cref="RunAsync"/> would refuse before it reads a row, and writes nothing.</summary>
    /// <exception cref="CitusException">The table, a column or a right is missing, the query is wrong, or the file may not be
    /// written.</exception>
    public async Task CheckAsync(CancellationToken stop)
    {
        Dialect.Checked();
        if (EscapeFormula) _ = new FormulaEscape(Dialect);
        OutputFile.Check(path, Overwrite, Force);
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        TableInfo? table = Table is { } name ? await TableCatalog.FindAsync(connection, session, name, stop) : null;
        string query = table is null ? await QueryTextAsync(session, stop) : $"SELECT {ColumnList(table)} FROM {table.Name.Sql}";
        await SearchPath.ReleaseAsync(session, stop);
        await session.ExecuteAsync($"EXPLAIN {query}", stop); // which asks for the rights too
    }

    /// <exception cref="CitusException">It failed; a file that was there is as it was, and nothing else is left, but what a pipe or a
    /// device was given.</exception>
    public async Task<ExportResult> RunAsync(CancellationToken stop)
    {
        Dialect.Checked();
        FormulaEscape? escape = EscapeFormula ? new FormulaEscape(Dialect) : null;
        var clock = Stopwatch.StartNew();
        (long rows, long bytes) = (0, 0);
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        TableInfo? table = Table is { } name ? await TableCatalog.FindAsync(connection, session, name, stop) : null;
        string columns = table is null ? "" : ColumnList(table);
        string from = table is null ? $"({await QueryTextAsync(session, stop)}\n)"
            // As a table's COPY, Citus passes the shards on as they come; the result of a query it gathers on the coordinator first.
            // COPY refuses columns that the server computes.
            : table.Kind != TableKind.Local && !ExportedColumns(table).Any(c => c.IsGenerated)
                && !await IsPartitionedAsync(session, table, stop) ? $"{table.Name.Sql} ({columns})"
            : $"(SELECT {columns} FROM {table.Name.Sql})";
        string settings = await ValueSettings.ReadAsync(session, stop);
        await SearchPath.ReleaseAsync(session, stop); // the query's, and that of what policies call
        OutputFile? output = null;
        try
        {
            await using OutputFile created = output = await OutputFile.CreateAsync(path, Overwrite, Force, stop);
            await using var file = new ExportFile(created, Compress, Dialect.Encoding, (moreRows, moreBytes) =>
            {
                (rows, bytes) = (rows + moreRows, bytes + moreBytes);
                Progress?.Invoke(new ExportProgress(rows, bytes, clock.Elapsed));
            });
            (ExportRoute route, string reason) = await WriteAsync(session, table, columns, from, settings, file, escape, stop);
            await file.CompleteAsync();
            if (route == ExportRoute.Coordinator) await CommitAsync(session, rows);
            bool isSnapshot = route == ExportRoute.Shard || connection.CitusVersion is null
                || (table is not null && table.Kind != TableKind.Distributed);
            return new ExportResult(table?.Display ?? Query!, path, rows, file.Length, clock.Elapsed,
                rows / Math.Max(clock.Elapsed.TotalSeconds, 1e-9),
                route, reason, isSnapshot ? ExportConsistency.Snapshot : ExportConsistency.PerShard);
        }
        catch (Exception) when (stop.IsCancellationRequested)
        {
            throw new OperationCanceledException(stop);
        }
        catch (Exception e) when (e is not CitusException)
        {
            CitusException known = PostgresErrors.Describe(e, path);
            string left = output is null ? "no file was begun" : ExportFile.LeftOf(output);
            throw known.With($"The export ended after {rows} rows, and {left}. {known.What}", known.Advice);
        }
    }

    private async Task<(ExportRoute Route, string Reason)> WriteAsync(
        NpgsqlConnection session, TableInfo? table, string columns, string from, string settings, ExportFile file,
        FormulaEscape? escape, CancellationToken stop)
    {
        string? obstacle = null;
        if (Parallel)
        {
            (ShardSnapshot? snapshot, obstacle) = table is null
                ? (null, "only a table's shards can be read side by side, and this is a query")
                : table.Kind != TableKind.Distributed ? (null, $"{table.Display} has one shard")
                : await ShardSnapshot.TryTakeAsync(connection, [table], SessionLimit.OnEachNode(4), stop);
            if (snapshot is not null)
            {
                await using (snapshot) return await WriteShardsAsync(session, table!, columns, settings, snapshot, file, escape, stop);
            }
            Warn?.Invoke($"The shards are not read side by side, because {obstacle}: everything comes through the coordinator.");
        }
        string reason = (table, obstacle) switch
        {
            (_, not null) => $"one COPY on the coordinator, because {obstacle}.",
            ({ Kind: TableKind.Distributed }, _) => ExportErrors.OneAfterTheOther,
            _ => "one COPY on the node that the connection leads to.",
        };
        Explain?.Invoke($"Coordinator route: {reason}");
        await session.ExecuteAsync(Begin(settings), stop);
        await new RecordStream(connection, Dialect, file, escape)
            .CopyAsync(default, session, Copy(from), Dialect.HasHeader ? 1 : 0, stop);
        return (ExportRoute.Coordinator, reason);
    }

    private async Task<(ExportRoute Route, string Reason)> WriteShardsAsync(
        NpgsqlConnection session, TableInfo table, string columns, string settings, ShardSnapshot snapshot, ExportFile file,
        FormulaEscape? escape, CancellationToken stop)
    {
        string reason = $"{snapshot.Extent}, each straight from its node; all as of one instant, "
            + $"for which writers of {table.Display} waited {snapshot.WritersWaited.TotalMilliseconds:0} ms.";
        Explain?.Invoke($"Shard route: {reason}");
        // The header, as the server writes it.
        if (Dialect.HasHeader)
            await new RecordStream(connection, Dialect, file, escape)
                .CopyAsync(default, session, Copy($"(SELECT {columns} FROM {table.Name.Sql} WHERE false)"), 1, stop);
        CsvDialect rowsOnly = Dialect with { HasHeader = false };
        await snapshot.ReadAsync(snapshot.Shards, async (reader, shard, all) =>
        {
            await reader.ExecuteAsync(settings, all);
            await new RecordStream(connection, rowsOnly, file, escape).CopyAsync(shard.Node, reader,
                $"COPY (SELECT {columns} FROM {shard.Name.Sql}) TO STDOUT WITH ({rowsOnly.CopyOptions()})", 0, all);
        }, stop);
        return (ExportRoute.Shard, reason);
    }

    /// <summary>
    /// Begins the transaction of a COPY through the coordinator. Citus sets the same in the transactions that it begins on the nodes,
    /// which it does for a table's COPY only where its own has begun already, as for an intermediate result. They wait for one another.
    /// </summary>
    private string Begin(string settings) => "BEGIN; SET LOCAL citus.propagate_set_commands = 'local'; "
        + $"SET LOCAL idle_in_transaction_session_timeout = 0; {settings}"
        + (connection.IsCitus ? "; SELECT pg_catalog.create_intermediate_result('woodgrove_export', 'SELECT 1')" : "");

    /// <summary>Commits what a query has changed, now that its rows are in the file.</summary>
    private async Task CommitAsync(NpgsqlConnection session, long rows)
    {
        try
        {
            await session.ExecuteAsync("COMMIT", CancellationToken.None);
        }
        catch (NpgsqlException e)
        {
            throw ExportErrors.NotCommitted(e, path, rows);
        }
    }

    private static Task<bool> IsPartitionedAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop) =>
        session.ScalarAsync<bool>("SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = $1::oid", stop, table.Oid);

    private Task<string> QueryTextAsync(NpgsqlConnection session, CancellationToken stop) =>
        InlineParameters.WriteAsync(session, Query!.TrimEnd().TrimEnd(';'), Parameters, stop);

    private string ColumnList(TableInfo table) => string.Join(", ", ExportedColumns(table).Select(c => TableName.Quote(c.Name)));

    private IEnumerable<TableColumn> ExportedColumns(TableInfo table)
    {
        // Generated columns can't be loaded, so an export that is to be loaded again has none; COPY leaves them out too.
        if (Columns is null) return table.Columns.Where(c => !c.IsGenerated);
        return Columns.Select(c => table.FindColumn(c) ?? throw CatalogErrors.NoColumn(table, c));
    }
}
