using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// Secondary indexes and foreign keys of an empty table, which are dropped before its rows come and made again after them.
/// Until then their definitions are in <c>woodgrove.deferred_definition</c>: each goes with the transaction that drops what
/// it defines, and leaves with the one that makes it again.
/// </summary>
internal static class DeferredIndexes
{
    public const string Table = "deferred_definition";

    private const string Definitions = """
        SELECT pg_catalog.format('DROP INDEX %I.%I', n.nspname, i.relname), pg_catalog.pg_get_indexdef(i.oid)
                || coalesce('; COMMENT ON INDEX ' || pg_catalog.format('%I.%I IS ', n.nspname, i.relname)
                    || pg_catalog.quote_literal(pg_catalog.obj_description(i.oid, 'pg_class')), ''), false
        FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
        WHERE x.indrelid = $1::oid AND i.relkind = 'i' AND NOT x.indisprimary AND NOT x.indisreplident AND NOT x.indisclustered
            AND x.indisvalid AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.oid)
        UNION ALL
        SELECT pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::pg_catalog.regclass, k.conname),
            pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.conrelid::pg_catalog.regclass, k.conname,
                pg_catalog.pg_get_constraintdef(k.oid))
                || coalesce('; COMMENT ON CONSTRAINT ' || pg_catalog.format('%I ON %s IS ', k.conname, k.conrelid::pg_catalog.regclass)
                    || pg_catalog.quote_literal(pg_catalog.obj_description(k.oid, 'pg_constraint')), ''), true
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
        WHERE k.conrelid = $1::oid AND k.contype = 'f' AND k.conparentid = 0 AND c.relkind = 'r'
        """;

    /// <summary>Drops what a table can do without while its rows come.</summary>
    /// <returns>Why nothing was dropped, or null.</returns>
    public static async Task<string?> DropAsync(NpgsqlConnection session, TableInfo table, Guid importId, CancellationToken stop)
    {
        if ((await PendingAsync(session, importId, stop)).Count > 0) return null; // by an earlier run
        if (await session.ScalarAsync<int?>($"SELECT 1 FROM {table.Name.Sql} LIMIT 1", stop) is not null) return "it has rows already";
        var found = await session.ListAsync(Definitions, row => (Drop: row.GetString(0), Create: row.GetString(1),
            IsKey: row.GetBoolean(2)), stop, table.Oid);
        if (found.Count == 0) return null;
        await CreateAsync(session, stop);
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        foreach ((string drop, string create, bool isKey) in found)
        {
            await session.ExecuteAsync("INSERT INTO woodgrove.deferred_definition (import_id, number, table_name, is_key, definition) "
                + "VALUES ($1, $2, $3, $4, $5)", stop, importId, found.FindIndex(f => f.Drop == drop), table.Name.ToString(),
                isKey, create);
            await session.ExecuteAsync(drop, stop);
        }
        await transaction.CommitAsync(stop);
        return null;
    }

    /// <summary>Makes again what was dropped of an import's table, each definition in a transaction of its own.</summary>
    /// <param name="table">For messages.</param>
    /// <param name="keys">The foreign keys, or the indexes.</param>
    /// <returns>The time that it took; null where there is nothing.</returns>
    /// <exception cref="CitusException">It has the statements that are still to be run.</exception>
    public static async Task<TimeSpan?> RestoreAsync(CitusConnection target, string table, Guid importId, bool keys,
        Action<string>? explain, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        await using NpgsqlConnection session = await target.OpenSessionAsync(stop);
        var left = (await PendingAsync(session, importId, stop)).FindAll(d => d.IsKey == keys);
        if (left.Count == 0) return null;
        try
        {
            for (; left.Count > 0; left.RemoveAt(0))
            {
                explain?.Invoke(left[0].Definition);
                await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
                await session.ExecuteAsync($"SET LOCAL statement_timeout = 0; {left[0].Definition}", stop);
                await session.ExecuteAsync("DELETE FROM woodgrove.deferred_definition WHERE import_id = $1 AND number = $2", stop,
                    importId, left[0].Number);
                await transaction.CommitAsync(stop);
            }
        }
        catch (NpgsqlException e) when (!stop.IsCancellationRequested)
        {
            throw CopyErrors.NotRestored(table, importId, [.. left.Select(d => d.Definition)], PostgresErrors.Describe(e, table));
        }
        return clock.Elapsed;
    }

    /// <summary>Whether foreign keys of a table wait until all tables have their rows.</summary>
    public static async Task<bool> HasKeysAsync(CitusConnection target, Guid importId, CancellationToken stop)
    {
        await using NpgsqlConnection session = await target.OpenSessionAsync(stop);
        return (await PendingAsync(session, importId, stop)).Exists(d => d.IsKey);
    }

    /// <summary>What is still to be made again. Only this role's own: another's would be its SQL in this session.</summary>
    private static async Task<List<(int Number, string Definition, bool IsKey)>> PendingAsync(NpgsqlConnection session, Guid importId,
        CancellationToken stop)
    {
        if (!await LedgerSchema.HasTableAsync(session, Table, stop)) return [];
        await LedgerSchema.RequireTrustedAsync(session, Table, stop);
        return await session.ListAsync("""
            SELECT number, definition, is_key FROM woodgrove.deferred_definition
            WHERE import_id = $1 AND loaded_by = current_user::text ORDER BY number
            """, row => (row.GetInt32(0), row.GetString(1), row.GetBoolean(2)), stop, importId);
    }

    // As the ledger's table: rows are of the role that wrote them.
    private static Task CreateAsync(NpgsqlConnection session, CancellationToken stop) => LedgerSchema.CreateAsync(session, Table, """
        SET LOCAL citus.enable_ddl_propagation = off;
        CREATE TABLE IF NOT EXISTS woodgrove.deferred_definition (
            import_id  uuid    NOT NULL,
            number     integer NOT NULL,
            table_name text    NOT NULL,
            is_key     boolean NOT NULL,
            definition text    NOT NULL,
            loaded_by  text    NOT NULL DEFAULT current_user,
            PRIMARY KEY (import_id, number));
        ALTER TABLE woodgrove.deferred_definition ENABLE ROW LEVEL SECURITY;
        DROP POLICY IF EXISTS own_rows ON woodgrove.deferred_definition;
        CREATE POLICY own_rows ON woodgrove.deferred_definition USING (loaded_by = current_user::text)
            WITH CHECK (loaded_by = current_user::text);
        COMMENT ON TABLE woodgrove.deferred_definition IS 'Indexes and foreign keys that a copy has dropped and not yet made again'
        """, stop);
}
