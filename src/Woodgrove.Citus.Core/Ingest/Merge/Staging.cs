using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Merge;

/// <summary>
/// A table like the target and colocated with it, <c>woodgrove.staging_…</c>, in which an import gathers its rows.
/// At its end one INSERT … SELECT … ON CONFLICT, which Citus pushes down to the shards, moves them all, and the
/// table is dropped in the same transaction. It is named for its import, which finds it again when it is resumed.
/// </summary>
internal sealed class Staging(TableInfo target, CopyTarget rows, ConflictRule rule, bool truncate)
{
    /// <summary>
    /// The column of a row's line in the file, behind those that the row has. Their place in the table does not tell
    /// their order: COPY fills gaps that earlier rows left.
    /// </summary>
    public static TableColumn Line { get; } = new("woodgrove_line", "bigint", PgType.Int8, false, false, false, false);

    private const string Savepoint = "woodgrove_merge";

    /// <summary>Where the rows go first, with their lines.</summary>
    public CopyTarget Rows { get; } = rows with { Columns = [.. rows.Columns, Line] };

    public static async Task<Staging> OpenAsync(
        CitusConnection connection, NpgsqlConnection session, Guid importId, CopyTarget target, ConflictRule rule, bool truncate,
        CancellationToken stop)
    {
        TableName name = StagingTable.NameOf(importId);
        if (!await StagingTable.ExistsAsync(session, importId, stop)) await CreateAsync(session, name, target, stop);
        await LedgerSchema.RequireTrustedAsync(session, name.Name, stop);
        TableInfo table = await TableCatalog.FindAsync(connection, session, name, stop);
        return new Staging(target.Table,
            target with { Table = table with { Display = target.Table.Display }, StandsFor = target.Table.Name }, rule, truncate);
    }

    /// <summary>Moves the rows and drops the table, in the transaction that is open.</summary>
    /// <param name="refused">Receives each row, by its line, that only the target refuses; it is left out, unless this throws.</param>
    /// <returns>How many rows of the target were inserted or updated.</returns>
    public async Task<long> MergeAsync(NpgsqlConnection session, Action<long, PostgresException> refused, CancellationToken stop)
    {
        if (truncate) await CopyTarget.TruncateAsync(session, target.Name.Sql, stop);
        await session.ExecuteAsync($"SAVEPOINT {Savepoint}", stop);
        long moved;
        try
        {
            moved = await MoveAsync(session, null, stop);
        }
        catch (PostgresException refusal) when (PostgresErrors.IsAboutRow(refusal) && !stop.IsCancellationRequested)
        {
            var bad = new List<(long Line, PostgresException Refusal)>();
            await session.ExecuteAsync($"ROLLBACK TO SAVEPOINT {Savepoint}", stop);
            await FindRefusedAsync(session, await LinesAsync(session, stop), bad, stop);
            if (bad.Count == 0) throw;
            foreach ((long line, PostgresException told) in bad) refused(line, told);
            await session.ExecuteAsync($"ROLLBACK TO SAVEPOINT {Savepoint}", stop); // what was moved to find them
            await session.ExecuteAsync($"DELETE FROM {rows.Table.Name.Sql} WHERE {Line.Name} IN "
                + $"({string.Join(", ", bad.Select(b => b.Line))})", stop);
            moved = await MoveAsync(session, null, stop);
        }
        await session.ExecuteAsync($"DROP TABLE {rows.Table.Name.Sql}", stop);
        return moved;
    }

    private Task<long> MoveAsync(NpgsqlConnection session, string? among, CancellationToken stop) =>
        rule.MoveAsync(session, rows, target.Name.Sql, rows.Table.Name.Sql, Line.Name,
        pushedDown: target.Kind is not (TableKind.Schema or TableKind.SingleShard), stop, among);

    private async Task<long[]> LinesAsync(NpgsqlConnection session, CancellationToken stop)
    {
        return [.. await session.ListAsync($"SELECT {Line.Name} FROM {rows.Table.Name.Sql} ORDER BY 1", row => row.GetInt64(0), stop)];
    }

    /// <summary>Moves rows in halves. The good ones stay moved meanwhile, so that of two that clash the later one is found.</summary>
    private async Task FindRefusedAsync(NpgsqlConnection session, ReadOnlyMemory<long> lines,
        List<(long Line, PostgresException Refusal)> bad, CancellationToken stop)
    {
        if (lines.IsEmpty) return;
        string savepoint = string.Create(CultureInfo.InvariantCulture, $"{Savepoint}_{lines.Length}");
        await session.ExecuteAsync($"SAVEPOINT {savepoint}", stop);
        try
        {
            await MoveAsync(session, string.Create(CultureInfo.InvariantCulture, $"{Line.Name} BETWEEN {lines.Span[0]} AND "
                + $"{lines.Span[^1]}"), stop);
            await session.ExecuteAsync($"RELEASE SAVEPOINT {savepoint}", stop);
            return;
        }
        catch (PostgresException refusal) when (PostgresErrors.IsAboutRow(refusal) && !stop.IsCancellationRequested)
        {
            await session.ExecuteAsync($"ROLLBACK TO SAVEPOINT {savepoint}; RELEASE SAVEPOINT {savepoint}", stop);
            if (lines.Length == 1)
            {
                bad.Add((lines.Span[0], refusal));
                return;
            }
        }
        int half = lines.Length / 2;
        await FindRefusedAsync(session, lines[..half], bad, stop);
        await FindRefusedAsync(session, lines[half..], bad, stop);
    }

    /// <summary>Refuses to resume an import without -OnConflict while its rows are in a staging table.</summary>
    public static async Task RefuseLeftoverAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        if (!await StagingTable.ExistsAsync(session, importId, stop)) return;
        throw MergeErrors.StagedImport(importId);
    }

    /// <summary>Refuses to continue an import whose staging table is no longer the one that has its rows.</summary>
    public static async Task RequireAsync(NpgsqlConnection session, ImportBatch last, CancellationToken stop)
    {
        if (last.Table.Staging is { } oid && await StagingTable.OidAsync(session, last.ImportId, stop) != oid)
            throw MergeErrors.StagingTableDropped(last);
    }

    private static async Task CreateAsync(NpgsqlConnection session, TableName name, CopyTarget target, CancellationToken stop)
    {
        if (target.Table.DistributionColumn is { } key && target.Columns.All(c => c.Name != key))
            throw MergeErrors.KeyLeftOut(target.Table, key);
        // Only the columns that the rows have: a default of another is for the target to give.
        IEnumerable<string> drops = target.Table.Columns.Where(c => !target.Columns.Contains(c))
            .Select(c => $"ALTER TABLE {name.Sql} DROP COLUMN {TableName.Quote(c.Name)};");
        string distribute = target.Table.Kind switch
        {
            TableKind.Distributed => $"SELECT pg_catalog.create_distributed_table($1::regclass, $2, colocate_with => $3)",
            TableKind.Reference => "SELECT pg_catalog.create_reference_table($1::regclass)",
            _ => "",
        };
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        await session.ExecuteAsync($"CREATE TABLE {name.Sql} (LIKE {target.Table.Name.Sql} INCLUDING CONSTRAINTS); "
            + $"ALTER TABLE {name.Sql} ADD COLUMN {Line.Name} {Line.TypeName}; {string.Join(' ', drops)}", stop);
        if (distribute.Length > 0)
        {
            await using var command = new NpgsqlCommand(distribute, session) { Parameters = { new() { Value = name.Sql } } };
            if (target.Table.Kind == TableKind.Distributed)
            {
                command.Parameters.Add(new() { Value = target.Table.DistributionColumn! });
                command.Parameters.Add(new() { Value = target.Table.Name.Sql });
            }
            await command.ExecuteNonQueryAsync(stop);
        }
        await transaction.CommitAsync(stop);
    }
}
