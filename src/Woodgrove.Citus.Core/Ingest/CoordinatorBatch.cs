using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>A batch as one COPY through the coordinator, which sends each row to its shard and commits everywhere.</summary>
internal sealed class CoordinatorBatch : IBatch
{
    private readonly NpgsqlConnection _session;
    private readonly NpgsqlTransaction _transaction;
    private readonly CopyStream? _copy;          // where the first refusal ends the load
    private readonly TolerantCopy? _tolerant;    // where refused records are set aside
    private readonly Func<Task>? _perform;       // moves what was sifted into the table
    private readonly List<RecordMark> _marks = [];
    private readonly ImportLedger? _ledger;
    private readonly CancellationTokenRegistration _cancel;
    private Task _cancelling = Task.CompletedTask;

    private CoordinatorBatch(
        CitusConnection connection, NpgsqlConnection session, NpgsqlTransaction transaction, CopyStream? copy, TolerantCopy? tolerant, Func<Task>? perform,
        ImportLedger? ledger, CancellationToken stop)
    {
        (_session, _transaction, _copy, _tolerant, _perform, _ledger) = (session, transaction, copy, tolerant, perform, ledger);
        // The server alone knows when a wait inside it can end, so Ctrl+C is told to it over a session of its own.
        int process = session.ProcessID;
        _cancel = stop.Register(() => _cancelling = ServerCancel.SendAsync(c => connection.OpenSessionAsync(c), [process]));
    }

    /// <param name="rejects">Where refused records go, or null where the first one ends the load.</param>
    public static async Task<CoordinatorBatch> BeginAsync(
        CitusConnection connection, ImportLedger? ledger, CopyTarget target, bool truncate, Rejects? rejects, CancellationToken stop)
    {
        // In the ledger's session, so that the rows and the ledger's row are one transaction.
        NpgsqlConnection session = ledger?.Session ?? await connection.OpenSessionAsync(stop);
        try
        {
            return await BeginAsync(connection, session, ledger, target, truncate, rejects, stop);
        }
        catch when (ledger is null)
        {
            await session.DisposeAsync(); // and its transaction with it
            throw;
        }
    }

    private static async Task<CoordinatorBatch> BeginAsync(
        CitusConnection connection, NpgsqlConnection session, ImportLedger? ledger, CopyTarget target, bool truncate, Rejects? rejects, CancellationToken stop)
    {
        NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        if (truncate) await TruncateAsync(session, target.Table.Name.Sql, stop);
        string copyCommand = target.CopyInto(target.Table.Name.Sql);
        CopyStream? copy = null;
        TolerantCopy? tolerant = null;
        Func<Task>? perform = null;
        if (rejects is null)
        {
            copy = new CopyStream(session, copyCommand);
            await copy.OpenAsync(stop);
        }
        else
        {
            // A worker's refusal would end the transaction, so the coordinator sifts the records first.
            bool rehearse = target.Table.Kind != TableKind.Local;
            if (rehearse) await Rehearsal.CreateAsync(session, target.Table, stop);
            tolerant = new TolerantCopy(session, rehearse ? Rehearsal.CopyCommand(target) : copyCommand, rejects, null);
            if (rehearse) perform = () => Rehearsal.PerformAsync(session, target, stop);
        }
        return new CoordinatorBatch(connection, session, transaction, copy, tolerant, perform, ledger, stop);
    }

    /// <summary>Empties a table, or a shard, in the session's transaction.</summary>
    public static async Task TruncateAsync(NpgsqlConnection session, string tableSql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"TRUNCATE {tableSql}", session);
        await command.ExecuteNonQueryAsync(stop);
    }

    public async ValueTask WriteAsync(RecordBlock block, int from, int to, CancellationToken stop)
    {
        if (_tolerant is not null) block.MarkRecords(from, to, _marks);
        for (int i = 0; i < _marks.Count; i++) _marks[i] = _marks[i] with { End = _marks[i].End - from };
        await WriteAsync(block.Block[from..to], _marks.ToArray(), stop);
    }

    /// <param name="marks">Where the records end; only needed where refused ones are set aside.</param>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordMark> marks, CancellationToken stop)
    {
        if (_tolerant is null) await _copy!.WriteAsync(records, stop);
        else await _tolerant.LoadAsync(records, marks, stop);
    }

    public async Task FinishAsync(CancellationToken stop)
    {
        try
        {
            if (_copy is not null) await _copy.FinishAsync();
            if (_perform is not null) await _perform();
        }
        catch (PostgresException refusal) when (!PostgresErrors.IsTransient(refusal) && !stop.IsCancellationRequested)
        {
            throw new RecordRefusedException(refusal, null);
        }
    }

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
        try
        {
            await _transaction.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            // The session is gone, and its transaction with it.
        }
        if (_ledger is null) await _session.DisposeAsync();
    }
}

/// <summary>Asks a server to cancel what sessions are doing.</summary>
internal static class ServerCancel
{
    public static async Task SendAsync(Func<CancellationToken, Task<NpgsqlConnection>> open, int[] processIds)
    {
        try
        {
            await using NpgsqlConnection other = await open(CancellationToken.None);
            await using var command = new NpgsqlCommand("SELECT pg_catalog.pg_cancel_backend(p) FROM unnest($1) p", other) { Parameters = { new() { Value = processIds } } };
            await command.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or CitusException or ObjectDisposedException)
        {
            // The sessions' own end rolls them back, only later.
        }
    }
}
