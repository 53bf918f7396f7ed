using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rejects;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>A batch as one COPY through the coordinator, which sends each row to its shard and commits everywhere.</summary>
internal sealed class CoordinatorBatch : IBatch
{
    private readonly NpgsqlConnection _session;
    private readonly NpgsqlTransaction _transaction;
    private readonly CopyStream? _copy;          // where the first refusal ends the load
    private readonly BisectingCopy? _tolerant;    // where refused records are set aside
    private readonly ValidatingCopy? _sifted;        // likewise, where workers may refuse them
    private readonly Func<Task<long>>? _perform; // moves what was gathered into the table
    private readonly List<RecordBounds> _marks = [];
    private readonly ImportLedger? _ledger;
    private readonly bool _keepsSession;
    private readonly CancellationTokenRegistration _cancel;
    private Task _cancelling = Task.CompletedTask;

    private CoordinatorBatch(
        CitusConnection connection, NpgsqlConnection session, NpgsqlTransaction transaction, CopyStream? copy, BisectingCopy? tolerant,
        ValidatingCopy? sifted,
        Func<Task<long>>? perform, ImportLedger? ledger, bool keepsSession, CancellationToken stop)
    {
        (_session, _transaction, _copy, _tolerant, _sifted, _perform, _ledger, _keepsSession) = (session, transaction, copy, tolerant,
            sifted, perform, ledger, keepsSession);
        // The server alone knows when a wait inside it can end, so Ctrl+C is told to it over a session of its own.
        int process = session.ProcessID;
        _cancel = stop.Register(() => _cancelling = ServerCancel.SendAsync(c => connection.OpenSessionAsync(c), [process]));
    }

    /// <param name="rejects">Where refused records go, or null where the first one ends the load.</param>
    /// <param name="kept">The session to load in, for batches that follow each other; null takes the ledger's, or one for this
    /// batch.</param>
    /// <param name="inBinary">Records come with their binary form, as long as they have one.</param>
    /// <param name="care">Where refused records go aside: <see cref="ValidationLevel.Keys"/> after a batch that a worker refused.</param>
    public static async Task<CoordinatorBatch> BeginAsync(
        CitusConnection connection, ImportLedger? ledger, CopyTarget target, bool truncate, RejectList? rejects, CancellationToken stop,
        ConflictRule? rule = null, ValidationLevel care = ValidationLevel.None, bool inBinary = false, NpgsqlConnection? kept = null)
    {
        // In the ledger's session, so that the rows and the ledger's row are one transaction.
        kept ??= ledger?.Session;
        NpgsqlConnection session = kept ?? await connection.OpenSessionAsync(stop);
        try
        {
            if (kept is not null) await NodeConnections.KeepAsync(session, stop);
            return await BeginAsync(connection, session, ledger, target, truncate, rejects, rule, care, inBinary,
                keepsSession: kept is not null, stop);
        }
        catch when (kept is null)
        {
            await session.DisposeAsync(); // and its transaction with it
            throw;
        }
    }

    private static async Task<CoordinatorBatch> BeginAsync(
        CitusConnection connection, NpgsqlConnection session, ImportLedger? ledger, CopyTarget target, bool truncate, RejectList? rejects,
        ConflictRule? rule, ValidationLevel care, bool inBinary, bool keepsSession, CancellationToken stop)
    {
        NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        await SearchPath.ReleaseAsync(session, stop, local: true); // for the table's triggers, constraints and defaults
        // A rule can only move rows that are gathered beside the table.
        string command = rule is null ? target.CopyInto(target.Table.Name.Sql) : ValidationTable.CopyCommand(target);
        bool sifts = rejects is not null && rule is null && target.Table.Kind != TableKind.Local;
        ValidatingCopy? sifted = null;
        try
        {
            // A ledger holds for one table: the batch's rows must not go into another that has its name by now.
            if (ledger is not null) await TableGuard.LockAsync(connection, session, target.Table, stop);
            if (sifts) sifted = await ValidatingCopy.OpenAsync(connection, session, target, rejects!, care, stop);
            if (truncate) await TruncateAsync(session, target.Table.Name.Sql, stop);
            if (rule is not null) await ValidationTable.CreateAsync(session, target.Table, stop, withKeys: false);
            CopyStream? copy = rejects is null
                ? new CopyStream(session, command, inBinary && rule is null ? target.BinaryCopyInto(target.Table.Name.Sql) : null) : null;
            if (copy is not null) await copy.OpenAsync(stop);
            BisectingCopy? tolerant = rejects is null || sifts ? null : new BisectingCopy(new SavepointCopy(session, command).TryAsync,
                rejects, null);
            return new CoordinatorBatch(connection, session, transaction, copy, tolerant, sifted,
                rule is null ? null : () => ValidationTable.PerformAsync(session, target, rule, stop), ledger, keepsSession, stop);
        }
        catch
        {
            if (sifted is not null) await sifted.DisposeAsync();
            await transaction.DisposeAsync(); // the session may be the ledger's, and goes on
            throw;
        }
    }

    /// <summary>After it is finished: rows that a rule inserted or updated.</summary>
    public long? Moved { get; private set; }

    /// <summary>Empties a table, or a shard, in the session's transaction.</summary>
    public static async Task TruncateAsync(NpgsqlConnection session, string tableSql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"TRUNCATE {tableSql}", session);
        await command.ExecuteNonQueryAsync(stop);
    }

    public async ValueTask WriteAsync(RecordBlock block, int from, int to, CancellationToken stop)
    {
        if (_copy is null) block.MarkRecords(from, to, _marks);
        for (int i = 0; i < _marks.Count; i++) _marks[i] = _marks[i] with { End = _marks[i].End - from };
        await WriteAsync(block.Block[from..to], _marks.ToArray(), stop);
    }

    /// <param name="marks">Where the records end; only needed where refused ones are set aside.</param>
    /// <param name="tuples">The records in binary, if they can be written so.</param>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> marks, CancellationToken stop,
        ReadOnlyMemory<byte> tuples = default)
    {
        if (_copy is not null) await AskAsync(async () => await _copy.WriteAsync(records, stop, tuples), stop);
        else if (_sifted is not null) await _sifted.LoadAsync(records, marks, stop);
        else await _tolerant!.LoadAsync(records, marks, stop);
    }

    public Task FinishAsync(CancellationToken stop) => AskAsync(async () =>
    {
        if (_copy is not null) await _copy.FinishAsync();
        if (_sifted is not null) await _sifted.FlushAsync(stop);
        if (_perform is not null) Moved = await _perform();
    }, stop);

    /// <summary>Does what a server may refuse.</summary>
    private async Task AskAsync(Func<Task> ask, CancellationToken stop)
    {
        try
        {
            await ask();
        }
        // A worker's message may be about a row or about the worker. With a ledger the batch is tried again first; without, the row is
        // looked for.
        catch (PostgresException refusal)
            when ((!PostgresErrors.IsTransient(refusal) || (_ledger is null && PostgresErrors.IsWorkerRefusal(refusal)))
                && !stop.IsCancellationRequested)
        {
            throw new RecordRefusedException(refusal, null);
        }
    }

    /// <summary>
    /// By what the server can be asked, where no ledger is, whether the batch was committed. An id that is not on disk is
    /// given again after a crash, and its status would be another transaction's: so it is written, and flushed by the
    /// commit of a session of its own. The commit itself is on disk before any node carries it out.
    /// </summary>
    /// <param name="open">Opens the session whose commit flushes.</param>
    public async Task<TransactionIdentity> IdentifyAsync(Func<CancellationToken, Task<NpgsqlConnection>> open, CancellationToken stop)
    {
        string transaction;
        await using (var mark = new NpgsqlCommand($"{LoadSession.DurableCommit}; SELECT pg_catalog.pg_current_xact_id()::text FROM {Mark}",
            _session))
        await using (NpgsqlDataReader row = await mark.ExecuteReaderAsync(stop))
        {
            await row.NextResultAsync(stop);
            await row.ReadAsync(stop);
            transaction = row.GetString(0);
        }
        await using NpgsqlConnection other = await open(stop);
        await using var flush = new NpgsqlCommand($"{LoadSession.DurableCommit}; SELECT FROM {Mark}", other); // both are one transaction
        await flush.ExecuteNonQueryAsync(stop);
        return new TransactionIdentity(transaction, _session.ProcessID, await CoordinatorFacts.IdentifierAsync(_session, stop),
            await CoordinatorTimeline.ReadAsync(_session, stop));
    }

    private const string Mark = "pg_catalog.pg_logical_emit_message(true, 'woodgrove', '')";

    public async Task CommitAsync(ImportBatch? row, CancellationToken stop)
    {
        if (_ledger is not null && row is not null) await _ledger.WriteAsync(row, stop);
        await _transaction.CommitAsync(stop);
    }

    public async ValueTask DisposeAsync()
    {
        if (_copy is not null) await _copy.CancelAsync();
        await _cancel.DisposeAsync();
        await _cancelling; // or it would hit whoever has the session next
        if (_sifted is not null) await _sifted.DisposeAsync();
        try
        {
            await _transaction.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            // The session is gone, and its transaction with it.
        }
        if (!_keepsSession) await _session.DisposeAsync();
    }
}
