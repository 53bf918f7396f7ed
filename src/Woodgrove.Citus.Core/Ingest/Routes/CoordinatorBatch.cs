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
    private const string Mark = "pg_catalog.pg_logical_emit_message(true, 'woodgrove', '')";

    private readonly NodeWriter _writer;
    private readonly Func<Task<long>>? _move; // what was gathered, into the table
    private readonly bool _keepsBounds;
    private readonly List<RecordBounds> _bounds = [];
    private readonly ICommitProtocol _protocol;
    private readonly ServerCancellation _cancellation;

    private CoordinatorBatch(NodeWriter writer, ImportLedger? ledger, Func<Task<long>>? move, bool keepsBounds, CancellationToken stop)
    {
        (_writer, _move, _keepsBounds, _protocol) = (writer, move, keepsBounds, new SingleTransaction(ledger, writer,
            (row, token) => EmptiedTable.ForgetAsync(writer.Session, row, token)));
        _cancellation = new ServerCancellation(stop, () => [(writer.Reopen, [writer.ProcessId])]);
    }

    /// <param name="rejects">Where refused records go, or null where the first one ends the load.</param>
    /// <param name="kept">The session to load in, for batches that follow each other; null takes the ledger's, or one for this
    /// batch.</param>
    /// <param name="inBinary">Records come with their binary form, as long as they have one.</param>
    /// <param name="level">Where refused records are rejected: <see cref="ValidationLevel.Keys"/> after a batch that a worker
    /// refused.</param>
    public static async Task<CoordinatorBatch> BeginAsync(CitusConnection connection, ImportLedger? ledger, CopyTarget target,
        bool truncate, RejectList? rejects, CancellationToken stop, ConflictRule? rule = null,
        ValidationLevel level = ValidationLevel.None, bool inBinary = false, NpgsqlConnection? kept = null)
    {
        // In the ledger's session, so that the rows and the ledger's row are one transaction.
        kept ??= ledger?.Session;
        NpgsqlConnection session = kept ?? await connection.OpenSessionAsync(stop);
        var options = new WriterOptions("the coordinator", connection.OpenSessionAsync)
        {
            OwnsSession = kept is null,
            AlwaysCommits = true,
            // A worker's message may be about a row or about the worker. With a ledger the batch is retried first; without one,
            // the row is looked for.
            IsRefusal = e => !PostgresErrors.IsTransient(e) || (ledger is null && PostgresErrors.IsWorkerRefusal(e)),
        };
        NodeWriter writer = await NodeWriter.BeginAsync(session, options, async () =>
        {
            if (kept is not null) await NodeConnections.KeepAsync(session, stop);
            await session.ExecuteAsync("BEGIN", stop);
            await SearchPath.ReleaseAsync(session, stop, local: true); // for the table's triggers, constraints and defaults
            // A ledger holds for one table: the batch's rows must not go into another that has its name by now.
            if (ledger is not null) await TableGuard.LockAsync(connection, session, target.Table, stop);
            else await session.ExecuteAsync(LoadSession.TransactionSettings, stop);
            return await OpenAsync(connection, session, target, truncate, rejects, rule, level, inBinary, stop);
        });
        return new CoordinatorBatch(writer, ledger,
            rule is null ? null : () => ValidationTable.PerformAsync(session, target, rule, stop), rejects is not null, stop);
    }

    private static async Task<IRecordCopy> OpenAsync(CitusConnection connection, NpgsqlConnection session, CopyTarget target, bool truncate,
        RejectList? rejects, ConflictRule? rule, ValidationLevel level, bool inBinary, CancellationToken stop)
    {
        // The validation table is opened before TRUNCATE locks the table that it is made like.
        ValidatingCopy? validating = rejects is not null && rule is null && target.Table.Kind != TableKind.Local
            ? await ValidatingCopy.OpenAsync(connection, session, target, rejects, level, stop) : null;
        try
        {
            if (truncate) await CopyTarget.TruncateAsync(session, target.Table.Name.Sql, stop);
            if (validating is not null) return validating;
            // A rule can only move rows that are gathered beside the table.
            if (rule is not null) await ValidationTable.CreateAsync(session, target.Table, stop, withKeys: false);
            string command = rule is null ? target.CopyInto(target.Table.Name.Sql) : ValidationTable.CopyCommand(target);
            if (rejects is not null) return new BisectingCopy(new SavepointCopy(session, command).TryAsync, rejects, null);
            var copy = new CopyStream(session, command,
                inBinary && rule is null ? target.BinaryCopyInto(target.Table.Name.Sql) : null);
            await copy.OpenAsync(stop);
            return copy;
        }
        catch
        {
            if (validating is not null) await validating.DisposeAsync();
            throw;
        }
    }

    /// <summary>After it is finished: rows that a rule inserted or updated.</summary>
    public long? Moved { get; private set; }

    public async ValueTask WriteAsync(RecordBlock block, int from, int to, CancellationToken stop)
    {
        if (_keepsBounds) block.BoundsOf(from, to, _bounds);
        for (int i = 0; i < _bounds.Count; i++) _bounds[i] = _bounds[i] with { End = _bounds[i].End - from };
        await WriteAsync(block.Block[from..to], _bounds.ToArray(), stop);
    }

    /// <inheritdoc cref="IRecordCopy.WriteAsync"/>
    public Task WriteAsync(ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> bounds, CancellationToken stop,
        ReadOnlyMemory<byte> tuples = default) => _writer.WriteAsync(records, bounds, stop, tuples);

    public async Task FinishAsync(CancellationToken stop)
    {
        await _writer.FinishAsync(stop);
        if (_move is not null) await _writer.AskAsync(async () => Moved = await _move(), stop);
    }

    /// <summary>
    /// By what the server can be asked, where no ledger is, whether the batch was committed. An id that is not on disk is
    /// given again after a crash, and its status would be another transaction's: so it is written, and flushed by the
    /// commit of a session of its own. The commit itself is on disk before any node carries it out.
    /// </summary>
    public async Task<TransactionIdentity> IdentifyAsync(CancellationToken stop)
    {
        string transaction;
        await using (var mark = new NpgsqlCommand($"{LoadSession.DurableCommit}; SELECT pg_catalog.pg_current_xact_id()::text FROM {Mark}",
            _writer.Session))
        await using (NpgsqlDataReader row = await mark.ExecuteReaderAsync(stop))
        {
            await row.NextResultAsync(stop);
            await row.ReadAsync(stop);
            transaction = row.GetString(0);
        }
        await using NpgsqlConnection other = await _writer.Reopen(stop);
        await other.ExecuteAsync($"{LoadSession.DurableCommit}; SELECT FROM {Mark}", stop); // both are one transaction
        return new TransactionIdentity(transaction, _writer.Session.ProcessID,
            await CoordinatorFacts.IdentifierAsync(_writer.Session, stop),
            await CoordinatorTimeline.ReadAsync(_writer.Session, stop));
    }

    public Task CommitAsync(ImportBatch? row, CancellationToken stop) => _protocol.CommitAsync(row, stop);

    public async ValueTask DisposeAsync()
    {
        await _cancellation.DisposeAsync();
        await _protocol.DisposeAsync();
        await _writer.DisposeAsync();
    }
}
