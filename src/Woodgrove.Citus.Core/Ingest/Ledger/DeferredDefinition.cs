using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// An index or a foreign key that a copy has dropped of an empty table, to recreate it after the rows. Until then it is a row
/// of <c>woodgrove.deferred_definition</c>, written in the transaction that drops it and deleted in the one that recreates it.
/// </summary>
/// <param name="Sql">The statement that makes it.</param>
internal sealed record DeferredDefinition(int Number, string Sql, bool IsKey)
{
    public const string Table = "deferred_definition";

    /// <summary>
    /// What an import has still to make. Only this role's own, another's would be its SQL in this session; a role that may not
    /// read the table has none.
    /// </summary>
    public static async Task<List<DeferredDefinition>> PendingAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        if (!await CanReadAsync(session, stop)) return [];
        await LedgerSchema.RequireTrustedAsync(session, Table, stop);
        return await session.ListAsync("""
            SELECT number, definition, is_key FROM woodgrove.deferred_definition
            WHERE import_id = $1 AND loaded_by = current_user::text ORDER BY number
            """, row => new DeferredDefinition(row.GetInt32(0), row.GetString(1), row.GetBoolean(2)), stop, importId);
    }

    /// <summary>Another role whose definitions an import has, or null.</summary>
    public static async Task<string?> OtherOwnerAsync(NpgsqlConnection session, Guid importId, CancellationToken stop) =>
        !await CanReadAsync(session, stop) ? null : await session.ScalarAsync<string?>("SELECT loaded_by "
            + "FROM woodgrove.deferred_definition WHERE import_id = $1 AND loaded_by <> current_user::text LIMIT 1", stop, importId);

    private static async Task<bool> CanReadAsync(NpgsqlConnection session, CancellationToken stop) =>
        await LedgerSchema.HasTableAsync(session, Table, stop) && await session.ScalarAsync<bool>(
            "SELECT pg_catalog.has_schema_privilege('woodgrove', 'USAGE') "
                + "AND pg_catalog.has_table_privilege('woodgrove.deferred_definition', 'SELECT')", stop);

    /// <summary>Keeps it, in the transaction that is open.</summary>
    public Task KeepAsync(NpgsqlConnection session, Guid importId, string table, CancellationToken stop) => session.ExecuteAsync(
        "INSERT INTO woodgrove.deferred_definition (import_id, number, table_name, is_key, definition) VALUES ($1, $2, $3, $4, $5)",
        stop, importId, Number, table, IsKey, Sql);

    /// <summary>Recreates some, each in a transaction of its own.</summary>
    /// <param name="given">An SQLSTATE with which one is given up, because there is nothing left to make.</param>
    /// <param name="tell">Told of each.</param>
    /// <returns>The time that it took; null where there are none.</returns>
    /// <exception cref="CitusException">It has the statements that are still to be run.</exception>
    public static async Task<TimeSpan?> RestoreAsync(NpgsqlConnection session, Guid importId, List<DeferredDefinition> left,
        Func<string, bool> given, Action<string>? tell, CancellationToken stop)
    {
        if (left.Count == 0) return null;
        var clock = Stopwatch.StartNew();
        while (left.Count > 0)
        {
            try
            {
                await left[0].MakeAsync(session, importId, makes: true, stop);
                tell?.Invoke(left[0].Sql);
            }
            catch (PostgresException e) when (given(e.SqlState))
            {
                await left[0].MakeAsync(session, importId, makes: false, stop);
                tell?.Invoke($"Not recreated, because {e.MessageText.TrimEnd('.')}: {left[0].Sql}");
            }
            catch (NpgsqlException e) when (!stop.IsCancellationRequested)
            {
                throw LedgerErrors.NotRestored(importId, [.. left.Select(d => d.Sql)], e);
            }
            left.RemoveAt(0);
        }
        return clock.Elapsed;
    }

    private async Task MakeAsync(NpgsqlConnection session, Guid importId, bool makes, CancellationToken stop)
    {
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        if (makes)
        {
            await SearchPath.ReleaseAsync(session, stop, local: true); // for functions of the index
            await session.ExecuteAsync($"SET LOCAL statement_timeout = 0; {DdlPropagation.OnAllNodes}; {Sql}", stop);
        }
        await session.ExecuteAsync("DELETE FROM woodgrove.deferred_definition WHERE import_id = $1 AND number = $2", stop,
            importId, Number);
        await transaction.CommitAsync(stop);
    }

    // As the ledger's table: rows are of the role that wrote them, and everyone's to see.
    public static Task CreateTableAsync(NpgsqlConnection session, CancellationToken stop) => LedgerSchema.CreateAsync(session, Table, """
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
        DROP POLICY IF EXISTS all_rows ON woodgrove.deferred_definition;
        CREATE POLICY all_rows ON woodgrove.deferred_definition FOR SELECT USING (true);
        COMMENT ON TABLE woodgrove.deferred_definition IS 'Indexes and foreign keys that a copy has dropped and not yet recreated'
        """, stop);
}
