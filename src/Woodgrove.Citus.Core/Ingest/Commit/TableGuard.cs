using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>
/// A transaction on the coordinator that keeps a table as it is while a batch goes to the nodes: its lock makes
/// <c>alter_distributed_table</c>, <c>undistribute_table</c>, TRUNCATE and DROP wait. Before a batch is decided the
/// transaction is prepared, which proves that it is alive and lets the lock outlive the session, the client and a
/// restart of the coordinator; it ends when every node has committed its part.
/// </summary>
internal sealed class TableGuard : ITableGuard
{
    private readonly CitusConnection _coordinator;
    private readonly NpgsqlTransaction _transaction;
    private PreparedPart? _prepared;

    private TableGuard(CitusConnection coordinator, NpgsqlConnection session, NpgsqlTransaction transaction) =>
        (_coordinator, Session, _transaction) = (coordinator, session, transaction);

    /// <summary>The session of the transaction, until it is prepared.</summary>
    public NpgsqlConnection Session { get; }

    public static async Task<TableGuard> OpenAsync(CitusConnection coordinator, TableInfo table, CancellationToken stop)
    {
        NpgsqlConnection session = await coordinator.OpenSessionAsync(stop);
        try
        {
            NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
            await LockAsync(coordinator, session, table, stop);
            return new TableGuard(coordinator, session, transaction);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Locks a table against changes of its structure until the session's transaction ends, and makes sure that it is
    /// still the one that was planned for.
    /// </summary>
    public static async Task LockAsync(CitusConnection coordinator, NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        await session.ExecuteAsync(LoadSession.TransactionSettings, stop);
        // LOCK TABLE would make it a transaction of several nodes to Citus, and such a one can't be prepared.
        await using (var take = coordinator.Engine == "Citus"
            ? new NpgsqlCommand("SELECT pg_catalog.lock_relation_if_exists($1, 'ROW EXCLUSIVE')", session)
                { Parameters = { new() { Value = table.Name.Sql } } }
            : new NpgsqlCommand($"LOCK TABLE ONLY {table.Name.Sql} IN ROW EXCLUSIVE MODE", session))
        {
            await take.ExecuteNonQueryAsync(stop);
        }
        await using var check = new NpgsqlCommand("SELECT pg_catalog.to_regclass($1)::oid", session)
            { Parameters = { new() { Value = table.Name.Sql } } };
        if (await check.ExecuteScalarAsync(stop) is uint oid && oid == table.Oid) return;
        throw CommitErrors.Replaced(table);
    }

    /// <summary>
    /// Prepares the transaction: it fails where the lock has been lost, and nothing can release it afterwards but
    /// <see cref="ReleaseAsync"/>.
    /// </summary>
    public async Task PrepareAsync(PreparedName name, CancellationToken stop)
    {
        _prepared = new PreparedPart(Session, name, "the coordinator", _coordinator.OpenSessionAsync);
        try
        {
            await _prepared.PrepareAsync(stop);
        }
        catch (NpgsqlException e) when (!stop.IsCancellationRequested)
        {
            throw new NpgsqlException($"The session that locked the table was lost ({e.Message.TrimEnd('.')}); "
                + "nothing of the batch was committed.", e);
        }
    }

    /// <summary>Ends a prepared guard once its lock protects nothing any more.</summary>
    public Task ReleaseAsync(TimeSpan patience) => _prepared?.EndAsync(commit: false, patience) ?? Task.CompletedTask;

    /// <summary>The same after a failure: what can't be released now, the next load's recovery releases.</summary>
    public async Task TryReleaseAsync()
    {
        try
        {
            await ReleaseAsync(TimeSpan.FromSeconds(5));
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException or CitusException)
        {
            // It holds a lock and no rows.
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _transaction.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or IOException or InvalidOperationException)
        {
            // The session is gone, and its locks with it.
        }
        await Session.DisposeAsync();
    }
}
