using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// The table <c>woodgrove.import_batch</c> on the coordinator, one row a committed batch. The row is the decision
/// of a batch whose rows lie prepared on several nodes: where it stands they are committed, else rolled back.
/// The session that writes it holds the import's advisory lock: whoever gets that lock knows that the import no longer
/// runs and that what the ledger says is final.
/// </summary>
internal sealed class ImportLedger : IBatchLedger, IAsyncDisposable
{
    public const string Table = "import_batch";

    private static readonly TimeSpan EndingPatience = TimeSpan.FromSeconds(10);

    private readonly CitusConnection _connection;
    private readonly ResumedSource? _source;
    private NpgsqlConnection _session;

    private ImportLedger(CitusConnection connection, NpgsqlConnection session, Guid importId, ResumedSource? source,
        CoordinatorTimeline timeline)
    {
        (_connection, _session, _source, Timeline) = (connection, session, source, timeline);
        (ImportId, Attempt) = (importId, timeline.NewAttempt());
    }

    public Guid ImportId { get; }

    /// <summary>
    /// Distinguishes this attempt at the import from earlier and later ones. A server may get the PREPARE of an attempt
    /// that was abandoned after a later one has committed the same batch; the later one's row must not decide it.
    /// </summary>
    public string Attempt { get; private set; }

    /// <summary>The timeline of the server that keeps the ledger now.</summary>
    public CoordinatorTimeline Timeline { get; private set; }

    /// <summary>The session, for work that must be atomic with the batch's row.</summary>
    /// <exception cref="NpgsqlException">An earlier command has lost its connection.</exception>
    public NpgsqlConnection Session => _session.Alive();

    /// <summary>Opens the ledger for an import, making the table on first use.</summary>
    /// <param name="source">With -Resume: the source, which no other such import may load into the table meanwhile.</param>
    /// <exception cref="CitusException">The import runs already, or another one of the source.</exception>
    public static async Task<ImportLedger> OpenAsync(CitusConnection connection, Guid importId, CancellationToken stop,
        ResumedSource? source = null)
    {
        (NpgsqlConnection session, CoordinatorTimeline timeline) = await OpenLockedAsync(connection, importId, source, stop);
        if (source?.Known is { } known && !(await source.FindAsync(session, stop)).SequenceEqual(known))
        {
            await ImportLock.ReleaseAllAsync(session);
            await session.DisposeAsync();
            throw LedgerErrors.LoadedMeanwhile(source);
        }
        return new ImportLedger(connection, session, importId, source, timeline);
    }

    private static async Task<(NpgsqlConnection Session, CoordinatorTimeline Timeline)> OpenLockedAsync(CitusConnection connection,
        Guid importId, ResumedSource? source, CancellationToken stop)
    {
        NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        try
        {
            await CreateAsync(session, stop);
            await session.ExecuteAsync(LoadSession.SessionSettings, stop);
            // A session that was lost a moment ago may still be ending.
            var clock = System.Diagnostics.Stopwatch.StartNew();
            await TakeAsync(() => ImportLock.TryTakeAsync(session, ImportLock.Ledger, importId, stop), () => LedgerErrors.Running(importId));
            if (source is not null)
                await TakeAsync(() => ImportLock.TryTakeAsync(session, importId, source, stop), () => LedgerErrors.Running(source));
            return (session, await CoordinatorTimeline.ReadAsync(session, stop));

            async Task TakeAsync(Func<Task<bool>> tryTake, Func<CitusException> isHeld)
            {
                while (!await tryTake())
                {
                    if (clock.Elapsed > EndingPatience) throw isHeld();
                    await Task.Delay(250, stop);
                }
            }
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>The batches that are committed, in order.</summary>
    public async Task<IReadOnlyList<ImportBatch>> BatchesAsync(CancellationToken stop)
    {
        return await _session.ListAsync("""
            SELECT batch, table_name, table_oid, distribution, source, route, fingerprint, first_byte, end_byte, rows, rejected, is_last,
                attempt
            FROM woodgrove.import_batch WHERE import_id = $1 ORDER BY batch
            """, row => new ImportBatch(ImportId, row.GetInt32(0),
                TargetIdentity.Read(row.GetString(1), row.GetFieldValue<uint>(2), row.GetString(3)),
                row.GetString(4), row.GetString(5), row.GetString(6), row.GetInt64(7), row.GetInt64(8), row.GetInt64(9), row.GetInt64(10),
                row.GetBoolean(11))
            { Attempt = row.GetString(12) }, stop, ImportId);
    }

    /// <summary>Writes a batch's row, in the transaction that is open, or in one of its own.</summary>
    /// <param name="isPending">Its rows lie prepared on the nodes, so that the row decides;
    /// <see cref="SettleAsync(ImportBatch, TimeSpan)"/> says when all are committed.</param>
    /// <exception cref="CitusException">The session no longer holds the import's lock: the connection leads through a pooler.</exception>
    public async Task WriteAsync(ImportBatch batch, CancellationToken stop, bool isPending = false)
    {
        await using NpgsqlBatch write = Session.CreateBatch();
        write.BatchCommands.Add(new NpgsqlBatchCommand(LoadSession.DurableCommit));
        var insert = new NpgsqlBatchCommand($"""
            INSERT INTO woodgrove.import_batch (import_id, batch, table_name, table_oid, distribution, source, route, fingerprint,
                                                first_byte, end_byte, rows, rejected, is_last, is_pending, attempt)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 WHERE {ImportLock.IsHeldHere(ImportLock.Ledger, "$16")}
            """);
        foreach (object value in new object[]
        {
            batch.ImportId, batch.Number, batch.Table.Name, batch.Table.Oid, batch.Table.Kept, batch.Source, batch.Route,
            batch.Fingerprint,
            batch.FirstByte, batch.EndByte, batch.Rows, batch.Rejected, batch.IsLast, isPending, Attempt, ImportLock.Key(batch.ImportId),
        })
        {
            insert.Parameters.Add(value is uint oid ? new() { Value = oid, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid }
                : new() { Value = value });
        }
        write.BatchCommands.Add(insert);
        if (batch.Empties) write.BatchCommands.Add(EmptiedTable.Forget(batch));
        await write.ExecuteNonQueryAsync(stop);
        if (insert.RecordsAffected == 0) throw ImportLock.Lost(batch.ImportId);
    }

    /// <summary>Notes that every node has committed its part of a batch; lost connections are retried until the time is over.</summary>
    public Task SettleAsync(ImportBatch batch, TimeSpan patience) => SettleAsync(batch, patience, keepAttempt: false);

    /// <param name="keepAttempt">Keeps the attempt's name though a standby took over: other batches bear it.</param>
    public Task SettleAsync(ImportBatch batch, TimeSpan patience, bool keepAttempt) => Retries.ForAsync(patience, async () =>
    {
        if (_session.State != System.Data.ConnectionState.Open) await ReopenAsync(CancellationToken.None);
        bool isKnown = await SettleAsync(_session, ImportId, batch.Number, CancellationToken.None) > 0;
        if (!Timeline.MayLack(Attempt)) return;
        // A standby took over. Where it lacks the decision, which has been carried out, that is written again.
        if (!isKnown && !await IsDecidedAsync(_session, ImportId, batch.Number, Attempt, owner: null, CancellationToken.None))
            await WriteAsync(batch, CancellationToken.None);
        if (!keepAttempt) Attempt = Timeline.NewAttempt();
    });

    /// <summary>The same for an import that does not run.</summary>
    /// <param name="batch">The batch, or null for all of the import.</param>
    /// <returns>How many batches this user may note it of, and that were pending.</returns>
    public static Task<int> SettleAsync(NpgsqlConnection session, Guid importId, int? batch, CancellationToken stop) =>
        session.ExecuteAsync("UPDATE woodgrove.import_batch SET is_pending = false WHERE import_id = $1 AND is_pending "
            + "AND ($2::int IS NULL OR batch = $2)", stop, importId, batch);

    public Task ForgetPartsAsync(ImportBatch batch, CancellationToken stop) =>
        PartialBatch.ForgetAsync(_session, batch.ImportId, batch.Number, stop);

    /// <summary>Imports with a batch of which it is not known that every node has committed its part, or just this one.</summary>
    public static async Task<IReadOnlyList<Guid>> PendingAsync(NpgsqlConnection session, Guid? importId, CancellationToken stop)
    {
        return await session.ListAsync("SELECT DISTINCT import_id FROM woodgrove.import_batch WHERE is_pending AND "
            + "($1::uuid IS NULL OR import_id = $1)", row => row.GetGuid(0), stop, importId);
    }

    /// <summary>
    /// After a lost connection: whether the batch's row is there, asked in a new session once the old one can no
    /// longer write it. The ledger continues in the new session.
    /// </summary>
    public async Task<bool> IsDecidedAsync(int batch, CancellationToken stop)
    {
        await ReopenAsync(stop);
        return await IsDecidedAsync(_session, ImportId, batch, Attempt, owner: null, stop);
    }

    private async Task ReopenAsync(CancellationToken stop)
    {
        await _session.DisposeAsync();
        (_session, Timeline) = await OpenLockedAsync(_connection, ImportId, _source, stop);
    }

    /// <param name="owner">The role that has prepared the rows: another's row does not decide them. Null where it is this
    /// session's.</param>
    public static Task<bool> IsDecidedAsync(NpgsqlConnection session, Guid importId, int batch, string attempt, string? owner,
        CancellationToken stop) =>
        session.ScalarAsync<bool>("""
            SELECT EXISTS (SELECT FROM woodgrove.import_batch
                           WHERE import_id = $1 AND batch = $2 AND attempt = $3 AND loaded_by = coalesce($4::text, current_user::text))
            """, stop, importId, batch, attempt, owner);

    public static Task<bool> ExistsAsync(NpgsqlConnection session, CancellationToken stop) =>
        LedgerSchema.HasTableAsync(session, Table, stop);

    /// <summary>
    /// The imports of a table of that name that are of a source, by its name or the hash of an import's whole source, or that are not
    /// complete: the last batch of each, with the rows of all, the latest first.
    /// </summary>
    public static async Task<IReadOnlyList<ImportBatch>> FindAsync(NpgsqlConnection session, string table, string source,
        CancellationToken stop, string? fingerprint = null)
    {
        if (!await ExistsAsync(session, stop)) return [];
        return await session.ListAsync("""
            SELECT import_id, batch, table_oid, distribution, source, route, fingerprint, end_byte, all_rows, is_last
            FROM (SELECT DISTINCT ON (import_id) *, sum(rows) OVER (PARTITION BY import_id)::bigint AS all_rows
                  FROM woodgrove.import_batch WHERE table_name = $1 ORDER BY import_id, batch DESC) b
            WHERE source = $2 OR fingerprint = $3 OR NOT is_last ORDER BY committed_at DESC, batch DESC
            """, row => new ImportBatch(row.GetGuid(0), row.GetInt32(1),
                TargetIdentity.Read(table, row.GetFieldValue<uint>(2), row.GetString(3)), row.GetString(4), row.GetString(5),
                row.GetString(6), 0, row.GetInt64(7), row.GetInt64(8), 0, row.GetBoolean(9)), stop, table, source, fingerprint);
    }

    /// <summary>Whether it has batches of an import, of whatever role.</summary>
    public static Task<bool> HoldsAsync(NpgsqlConnection session, Guid importId, CancellationToken stop) =>
        session.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM woodgrove.import_batch WHERE import_id = $1)", stop, importId);

    /// <summary>Removes an import's rows.</summary>
    /// <returns>How many there were.</returns>
    public static Task<int> ForgetAsync(NpgsqlConnection session, Guid importId, CancellationToken stop) =>
        session.ExecuteAsync("DELETE FROM woodgrove.import_batch WHERE import_id = $1", stop, importId);

    public async ValueTask DisposeAsync()
    {
        await ImportLock.ReleaseAllAsync(_session);
        await NodeConnections.ReleaseAsync(_session);
        await _session.DisposeAsync();
    }

    // A plain table of the coordinator: its commit is one server's, so it can decide for the others. The rows of each
    // role are its own, so that no other role's row decides what becomes of its transactions.
    private static Task CreateAsync(NpgsqlConnection session, CancellationToken stop) => LedgerSchema.CreateAsync(session, Table, """
        SET LOCAL citus.enable_ddl_propagation = off;
        CREATE SCHEMA IF NOT EXISTS woodgrove;
        CREATE TABLE IF NOT EXISTS woodgrove.import_batch (
            import_id    uuid        NOT NULL,
            batch        integer     NOT NULL,
            table_name   text        NOT NULL,
            table_oid    oid         NOT NULL,
            distribution text        NOT NULL,
            source       text        NOT NULL,
            route        text        NOT NULL,
            fingerprint  text        NOT NULL,
            first_byte   bigint      NOT NULL,
            end_byte     bigint      NOT NULL,
            rows         bigint      NOT NULL,
            rejected     bigint      NOT NULL,
            is_last      boolean     NOT NULL,
            is_pending   boolean     NOT NULL,
            attempt      text        NOT NULL,
            loaded_by    text        NOT NULL DEFAULT current_user,
            committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (import_id, batch));
        ALTER TABLE woodgrove.import_batch ENABLE ROW LEVEL SECURITY;
        DROP POLICY IF EXISTS own_rows ON woodgrove.import_batch;
        DROP POLICY IF EXISTS all_rows ON woodgrove.import_batch;
        CREATE POLICY own_rows ON woodgrove.import_batch USING (loaded_by = current_user::text) WITH CHECK (loaded_by = current_user::text);
        CREATE POLICY all_rows ON woodgrove.import_batch FOR SELECT USING (true);
        COMMENT ON TABLE woodgrove.import_batch IS 'Committed batches of CSV imports; a row decides that the rows prepared under its name are committed.'
        """, stop);
}
