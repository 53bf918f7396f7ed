using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>A batch as one COPY through the coordinator, which sends each row to its shard and commits everywhere.</summary>
internal sealed class CoordinatorBatch : IBatch
{
    private readonly NpgsqlConnection _session;
    private readonly NpgsqlTransaction _transaction;
    private readonly CopyStream _copy;
    private readonly ImportLedger? _ledger;
    private readonly CancellationTokenRegistration _cancel;
    private Task _cancelling = Task.CompletedTask;

    private CoordinatorBatch(
        CitusConnection connection, NpgsqlConnection session, NpgsqlTransaction transaction, CopyStream copy, ImportLedger? ledger, CancellationToken stop)
    {
        (_session, _transaction, _copy, _ledger) = (session, transaction, copy, ledger);
        // The server alone knows when a wait inside it can end, so Ctrl+C is told to it over a session of its own.
        int process = session.ProcessID;
        _cancel = stop.Register(() => _cancelling = ServerCancel.SendAsync(c => connection.OpenSessionAsync(c), [process]));
    }

    public static async Task<CoordinatorBatch> BeginAsync(
        CitusConnection connection, ImportLedger? ledger, string copyCommand, CancellationToken stop)
    {
        // In the ledger's session, so that the rows and the ledger's row are one transaction.
        NpgsqlConnection session = ledger?.Session ?? await connection.OpenSessionAsync(stop);
        NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        var copy = new CopyStream(session, copyCommand);
        await copy.OpenAsync(stop);
        return new CoordinatorBatch(connection, session, transaction, copy, ledger, stop);
    }

    public ValueTask WriteAsync(CsvRecordReader block, int from, int to, CancellationToken stop) => _copy.WriteAsync(block.Block[from..to], stop);

    public async Task CommitAsync(ImportBatch row, CancellationToken stop)
    {
        try
        {
            await _copy.FinishAsync();
        }
        catch (PostgresException refusal) when (!PostgresErrors.IsNetwork(refusal) && !stop.IsCancellationRequested)
        {
            throw new RecordRefusedException(refusal, null);
        }
        if (_ledger is not null) await _ledger.WriteAsync(row, stop);
        await _transaction.CommitAsync(stop);
    }

    public async ValueTask DisposeAsync()
    {
        await _copy.CancelAsync();
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
