using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations;

/// <summary>
/// Locks that a session of its own holds while another runs a change. Citus may close the connections over which the change's own
/// session has locked tables on the nodes, and so lose the locks before the change is committed.
/// </summary>
internal sealed class HeldLock : IAsyncDisposable
{
    private readonly NpgsqlConnection _session;
    private readonly string _sql;
    private NpgsqlTransaction? _transaction;

    private HeldLock(NpgsqlConnection session, string sql) => (_session, _sql) = (session, sql);

    public int ProcessId => _session.ProcessID;

    public static async Task<HeldLock> OpenAsync(CitusConnection connection, string sql, CancellationToken stop) =>
        new(await ClusterMetadata.OpenAsync(connection, stop), sql);

    /// <summary>Waits for those who hold conflicting locks; it is cancelled on the server.</summary>
    public async Task AcquireAsync()
    {
        _transaction = await _session.BeginTransactionAsync();
        // No node ends its part of the transaction while the change is made, whatever limit the role has.
        await RunAsync($"{DdlPropagation.OnAllNodes}; SET LOCAL citus.propagate_set_commands = 'local'; "
            + "SET LOCAL idle_in_transaction_session_timeout = 0");
        await RunAsync(_sql);
    }

    /// <exception cref="NpgsqlException">The locks were not held on all nodes until now.</exception>
    public async Task ReleaseAsync()
    {
        await RunAsync(_sql); // fails if a node has lost its part of the transaction
        await _transaction!.CommitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_transaction is not null) await _transaction.DisposeAsync();
        await _session.DisposeAsync();
    }

    private async Task RunAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _session) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync();
    }
}
