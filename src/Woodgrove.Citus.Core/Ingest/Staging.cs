using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>What happens to a row whose key is in the table already.</summary>
public enum ConflictAction
{
    /// <summary>The server refuses it, as it does any duplicate.</summary>
    Error,

    /// <summary>It is left out; the table's row stays.</summary>
    Skip,

    /// <summary>The table's row takes its values.</summary>
    Update,
}

/// <summary>How rows of one table become rows of another that may have their keys already.</summary>
/// <param name="Key">The columns of the unique constraint that decides, quoted.</param>
internal sealed record ConflictRule(ConflictAction Action, IReadOnlyList<string> Key)
{
    /// <param name="asked">The key's columns as the user named them; null takes the primary key, or the only unique constraint.</param>
    /// <exception cref="CitusException">The table has no such key.</exception>
    public static async Task<ConflictRule> FindAsync(
        NpgsqlConnection session, TableInfo table, ConflictAction action, IReadOnlyList<string>? asked, CancellationToken stop)
    {
        List<(bool IsPrimary, string[] Columns)> keys = await KeysAsync(session, table, stop);
        string known = keys.Count == 0 ? "It has no unique key; add one that holds the distribution column."
            : $"It has {string.Join(" and ", keys.Select(k => $"({string.Join(", ", k.Columns)})"))}.";
        if (asked is { Count: > 0 })
        {
            string[] names = asked.Select(a => table.FindColumn(a)?.Name ?? a).Order(StringComparer.Ordinal).ToArray();
            if (keys.FirstOrDefault(k => k.Columns.Order(StringComparer.Ordinal).SequenceEqual(names)).Columns is { } found) return new ConflictRule(action, Quoted(found));
            throw NoKey($"{table.Display} has no unique constraint on exactly ({string.Join(", ", asked)})", known);
        }
        string[]? chosen = keys.FirstOrDefault(k => k.IsPrimary).Columns ?? (keys.Count == 1 ? keys[0].Columns : null);
        if (chosen is null) throw NoKey($"which unique key of {table.Display} decides is not clear", known + " Name its columns with -KeyColumn.");
        return new ConflictRule(action, Quoted(chosen));

        static string[] Quoted(string[] columns) => columns.Select(TableName.Quote).ToArray();
        CitusException NoKey(string what, string advice) =>
            new("CitusNoConflictKey", CitusErrorKind.InvalidArgument, $"-OnConflict {action}: {what}. Nothing was sent.", advice) { Target = table.Display };
    }

    /// <summary>A distribution value that the coordinator fills in can clash with none that is there, nor can rows be laid out by it before.</summary>
    public static CitusException KeyLeftOut(TableInfo table, string key) => new("CitusDistributionColumnMissing", CitusErrorKind.InvalidData,
        $"The rows have no value for '{key}', by which {table.Display} is distributed; with -OnConflict its default does not count. Nothing was sent.",
        $"Load the rows without -OnConflict, or with values for '{key}'.") { Target = table.Display };

    /// <summary>
    /// The one statement that moves the rows: of those with the same key the last one counts.
    /// </summary>
    /// <param name="order">What tells the order in which the rows came.</param>
    /// <param name="pushedDown">The rows lie in the shards beside the target's. Of those that the coordinator sends, Citus counts those that gave way too.</param>
    /// <returns>How many rows were inserted or updated.</returns>
    /// <param name="among">Which of the rows, as a condition; null moves all.</param>
    public async Task<long> MoveAsync(NpgsqlConnection session, CopyTarget rows, string into, string from, string order, bool pushedDown, CancellationToken stop, string? among = null)
    {
        if (among is not null) from += $" WHERE {among}";
        await using var insert = new NpgsqlCommand(Insert(rows, into, from, order), session) { CommandTimeout = 0 };
        if (pushedDown) return await insert.ExecuteNonQueryAsync(stop);
        insert.CommandText += " RETURNING 1";
        long moved = 0;
        await using NpgsqlDataReader returned = await insert.ExecuteReaderAsync(stop);
        while (await returned.ReadAsync(stop)) moved++;
        return moved;
    }

    private string Insert(CopyTarget rows, string into, string from, string order)
    {
        string key = string.Join(", ", Key);
        IEnumerable<string> others = rows.Columns.Select(c => TableName.Quote(c.Name)).Except(Key);
        string action = Action == ConflictAction.Update && others.Any()
            ? $"UPDATE SET {string.Join(", ", others.Select(c => $"{c} = EXCLUDED.{c}"))}" : "NOTHING";
        order += Action == ConflictAction.Update ? " DESC" : " ASC"; // left out is what comes after
        return $"INSERT INTO {into} ({rows.ColumnList}) SELECT {rows.ColumnList} FROM (SELECT DISTINCT ON ({key}) {rows.ColumnList} FROM {from} ORDER BY {key}, {order}) r ON CONFLICT ({key}) DO {action}";
    }

    private static async Task<List<(bool IsPrimary, string[] Columns)>> KeysAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT i.indisprimary, array_agg(a.attname::text ORDER BY a.attnum)
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
            WHERE i.indrelid = $1::oid AND i.indisunique AND NOT i.indisexclusion AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
            GROUP BY i.indexrelid, i.indisprimary
            """, session)
        {
            Parameters = { new() { Value = (long)table.Oid } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var keys = new List<(bool, string[])>();
        while (await row.ReadAsync(stop)) keys.Add((row.GetBoolean(0), row.GetFieldValue<string[]>(1)));
        return keys;
    }
}

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
    public static TableColumn Line { get; } = new("woodgrove_line", "bigint", 20, false, false, false, false);

    private const string Savepoint = "woodgrove_merge";

    /// <summary>Where the rows go first, with their lines.</summary>
    public CopyTarget Rows { get; } = rows with { Columns = [.. rows.Columns, Line] };

    public static async Task<Staging> OpenAsync(
        CitusConnection connection, NpgsqlConnection session, Guid importId, CopyTarget target, ConflictRule rule, bool truncate, CancellationToken stop)
    {
        TableName name = NameOf(importId);
        if (!await ExistsAsync(session, name, stop)) await CreateAsync(session, name, target, stop);
        await LedgerSchema.RequireTrustedAsync(session, name.Name, stop);
        TableInfo table = await TableCatalog.FindAsync(connection, session, name, stop);
        return new Staging(target.Table, target with { Table = table with { Display = target.Table.Display }, StandsFor = target.Table.Name }, rule, truncate);
    }

    /// <summary>Moves the rows and drops the table, in the transaction that is open.</summary>
    /// <param name="refused">Told each row, by its line, that only the target refuses; it is left out, unless this throws.</param>
    /// <returns>How many rows of the target were inserted or updated.</returns>
    public async Task<long> MergeAsync(NpgsqlConnection session, Action<long, PostgresException> refused, CancellationToken stop)
    {
        if (truncate) await CoordinatorBatch.TruncateAsync(session, target.Name.Sql, stop);
        await ExecuteAsync(session, $"SAVEPOINT {Savepoint}", stop);
        long moved;
        try
        {
            moved = await MoveAsync(session, null, stop);
        }
        catch (PostgresException refusal) when (Rejects.IsAboutRow(refusal) && !stop.IsCancellationRequested)
        {
            var bad = new List<(long Line, PostgresException Refusal)>();
            await ExecuteAsync(session, $"ROLLBACK TO SAVEPOINT {Savepoint}", stop);
            await FindRefusedAsync(session, await LinesAsync(session, stop), bad, stop);
            if (bad.Count == 0) throw;
            foreach ((long line, PostgresException told) in bad) refused(line, told);
            await ExecuteAsync(session, $"ROLLBACK TO SAVEPOINT {Savepoint}", stop); // what was moved to find them
            await ExecuteAsync(session, $"DELETE FROM {rows.Table.Name.Sql} WHERE {Line.Name} IN ({string.Join(", ", bad.Select(b => b.Line))})", stop);
            moved = await MoveAsync(session, null, stop);
        }
        await using var drop = new NpgsqlCommand($"DROP TABLE {rows.Table.Name.Sql}", session);
        await drop.ExecuteNonQueryAsync(stop);
        return moved;
    }

    private Task<long> MoveAsync(NpgsqlConnection session, string? among, CancellationToken stop) => rule.MoveAsync(session, rows, target.Name.Sql, rows.Table.Name.Sql, Line.Name,
        pushedDown: target.Kind is not (TableKind.Schema or TableKind.SingleShard), stop, among);

    private async Task<long[]> LinesAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"SELECT {Line.Name} FROM {rows.Table.Name.Sql} ORDER BY 1", session);
        var lines = new List<long>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop)) lines.Add(row.GetInt64(0));
        return [.. lines];
    }

    /// <summary>Moves rows in halves. The good ones stay moved meanwhile, so that of two that clash the later one is found.</summary>
    private async Task FindRefusedAsync(NpgsqlConnection session, ReadOnlyMemory<long> lines, List<(long Line, PostgresException Refusal)> bad, CancellationToken stop)
    {
        if (lines.IsEmpty) return;
        string savepoint = string.Create(CultureInfo.InvariantCulture, $"{Savepoint}_{lines.Length}");
        await ExecuteAsync(session, $"SAVEPOINT {savepoint}", stop);
        try
        {
            await MoveAsync(session, string.Create(CultureInfo.InvariantCulture, $"{Line.Name} BETWEEN {lines.Span[0]} AND {lines.Span[^1]}"), stop);
            await ExecuteAsync(session, $"RELEASE SAVEPOINT {savepoint}", stop);
            return;
        }
        catch (PostgresException refusal) when (Rejects.IsAboutRow(refusal) && !stop.IsCancellationRequested)
        {
            await ExecuteAsync(session, $"ROLLBACK TO SAVEPOINT {savepoint}; RELEASE SAVEPOINT {savepoint}", stop);
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

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Refuses to go on without a rule with an import whose first rows wait for one.</summary>
    public static async Task RefuseLeftoverAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        if (!await ExistsAsync(session, NameOf(importId), stop)) return;
        throw new CitusException("CitusImportNeedsOnConflict", CitusErrorKind.InvalidArgument,
            $"Import {importId} was begun with -OnConflict: its first rows wait beside the table to be moved by that rule.",
            "Go on with the same -OnConflict, or clear it with Remove-CitusImport and load the file anew.") { Target = importId };
    }

    /// <summary>Drops the staging table of an import that will not be resumed.</summary>
    /// <returns>True where there was one.</returns>
    public static async Task<bool> DropAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        if (!await ExistsAsync(session, NameOf(importId), stop)) return false;
        await using var drop = new NpgsqlCommand($"DROP TABLE {NameOf(importId).Sql}", session);
        await drop.ExecuteNonQueryAsync(stop);
        return true;
    }

    /// <summary>Imports of which this user has a staging table, and the ledger nothing: nobody can go on with them.</summary>
    public static async Task<IReadOnlyList<Guid>> LeftoversAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT import_id FROM (
                SELECT substr(relname, 9)::uuid AS import_id FROM pg_catalog.pg_class
                WHERE relnamespace = pg_catalog.to_regnamespace('woodgrove') AND relname ~ '^staging_[0-9a-f]{32}$' AND pg_catalog.pg_has_role(relowner, 'USAGE')) s
            WHERE NOT EXISTS (SELECT FROM woodgrove.import_batch b WHERE b.import_id = s.import_id)
            """, session);
        var found = new List<Guid>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop)) found.Add(row.GetGuid(0));
        return found;
    }

    private static TableName NameOf(Guid importId) => new("woodgrove", $"staging_{importId:N}");

    private static Task<bool> ExistsAsync(NpgsqlConnection session, TableName name, CancellationToken stop) => LedgerSchema.HasTableAsync(session, name.Name, stop);

    private static async Task CreateAsync(NpgsqlConnection session, TableName name, CopyTarget target, CancellationToken stop)
    {
        if (target.Table.DistributionColumn is { } key && target.Columns.All(c => c.Name != key)) throw ConflictRule.KeyLeftOut(target.Table, key);
        // Only the columns that the rows have: a default of another is for the target to give.
        IEnumerable<string> drops = target.Table.Columns.Where(c => !target.Columns.Contains(c)).Select(c => $"ALTER TABLE {name.Sql} DROP COLUMN {TableName.Quote(c.Name)};");
        string distribute = target.Table.Kind switch
        {
            TableKind.Distributed => $"SELECT pg_catalog.create_distributed_table($1::regclass, $2, colocate_with => $3)",
            TableKind.Reference => "SELECT pg_catalog.create_reference_table($1::regclass)",
            _ => "",
        };
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        await using (var create = new NpgsqlCommand($"CREATE TABLE {name.Sql} (LIKE {target.Table.Name.Sql} INCLUDING CONSTRAINTS); ALTER TABLE {name.Sql} ADD COLUMN {Line.Name} {Line.TypeName}; {string.Join(' ', drops)}", session))
            await create.ExecuteNonQueryAsync(stop);
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
