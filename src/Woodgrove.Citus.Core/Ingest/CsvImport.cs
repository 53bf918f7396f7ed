using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>How rows travel into a table.</summary>
public enum ImportRoute
{
    /// <summary>COPY into the distributed table on the coordinator, which sends each row to its shard.</summary>
    Coordinator,

    /// <summary>COPY into a table that Citus does not distribute.</summary>
    Local,
}

/// <summary>What one file's load did.</summary>
/// <param name="Bytes">Bytes of the source, in its own encoding.</param>
/// <param name="RouteReason">Why this route was taken.</param>
public sealed record ImportResult(
    string Table, string Source, long Rows, long Bytes, TimeSpan Duration, double RowsPerSecond, ImportRoute Route, string RouteReason);

/// <summary>How far a load is.</summary>
/// <param name="TotalBytes">Null where the source does not say its length.</param>
public readonly record struct ImportProgress(string Source, long Rows, long Bytes, long? TotalBytes, TimeSpan Elapsed);

/// <summary>One CSV into one table, in one transaction: all of it or nothing.</summary>
public sealed class CsvImport(CitusConnection connection, CsvSource source, TableName table)
{
    public CsvDialect Dialect { get; init; } = new();

    /// <summary>The table's columns in the file's order; null takes the header's names, or all columns in table order.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    public Action<ImportProgress>? Progress { get; init; }

    /// <summary>Told what is done and why, a sentence at a time.</summary>
    public Action<string>? Explain { get; init; }

    /// <summary>Told what the user should know but did not ask.</summary>
    public Action<string>? Warn { get; init; }

    /// <exception cref="CitusException">The file, or a row of it, was refused; the table is as it was.</exception>
    public async Task<ImportResult> RunAsync(CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        CsvDialect dialect = Dialect.Checked();
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        TableInfo target = await TableCatalog.FindAsync(connection, session, table, stop);
        await using CsvInput input = await CsvInput.OpenAsync(source, dialect, stop);
        IReadOnlyList<TableColumn> columns = ColumnBinding.Bind(input, dialect, target, Columns);
        (ImportRoute route, string reason) = ChooseRoute(target);
        Explain?.Invoke(reason);
        if (route == ImportRoute.Local) Warn?.Invoke($"{target.Display} is not distributed: its rows stay on the node that the connection leads to. New-DistributedTable distributes it.");

        string list = string.Join(", ", columns.Select(c => TableName.Quote(c.Name)));
        var copy = new CopySession(session, $"COPY {target.Name.Sql} ({list}) FROM STDIN WITH ({dialect.CopyOptions()})");
        // The server alone knows when a wait inside it can end, so Ctrl+C is told to it over a session of its own.
        await using CancellationTokenRegistration cancel = stop.Register(() => _ = ServerCancel.SendAsync(connection, session.ProcessID));
        try
        {
            long rows = await copy.SendAsync(input, dialect, session.PostgreSqlVersion.Major < 18, r => Progress?.Invoke(
                new ImportProgress(source.Name, r, input.BytesRead, input.Length, clock.Elapsed)), Warn, stop);
            var result = new ImportResult(target.Display, source.Name, rows, input.BytesRead, clock.Elapsed,
                rows / Math.Max(clock.Elapsed.TotalSeconds, 1e-9), route, reason);
            Explain?.Invoke($"Committed {rows:N0} rows in one transaction: Citus prepares it on every node that received rows and then commits it everywhere.");
            return result;
        }
        catch (Exception) when (stop.IsCancellationRequested)
        {
            throw new OperationCanceledException(stop);
        }
        catch (PostgresException refusal) when (!PostgresErrors.IsNetwork(refusal))
        {
            throw await new RefusedRowFinder(connection, source, dialect, target, columns).ExplainAsync(refusal, stop);
        }
        catch (Exception e) when (e is not CitusException)
        {
            throw Broken(e, input.BytesRead);
        }
    }

    private CitusException Broken(Exception e, long bytes)
    {
        CitusException known = PostgresErrors.Describe(e, source.Name);
        return new CitusException(known.ErrorId, known.Kind,
            $"{source}: the load broke off after {bytes:N0} bytes and left nothing in {table}. {known.Message}", null, e) { Target = source.Name };
    }

    private static (ImportRoute Route, string Reason) ChooseRoute(TableInfo target) => target.Kind switch
    {
        TableKind.Distributed => (ImportRoute.Coordinator,
            $"One COPY into {target.Display} on the coordinator, which hashes each row's {target.DistributionColumn} and streams the row to the node that holds its shard."),
        TableKind.Reference => (ImportRoute.Coordinator,
            $"One COPY into {target.Display} on the coordinator, which sends every row to every node, since each keeps a full copy of a reference table."),
        TableKind.Schema => (ImportRoute.Coordinator,
            $"One COPY into {target.Display} on the coordinator, which streams the rows to the node that holds its distributed schema."),
        _ => (ImportRoute.Local, $"One COPY into {target.Display}, a plain table of the node that the connection leads to."),
    };
}
