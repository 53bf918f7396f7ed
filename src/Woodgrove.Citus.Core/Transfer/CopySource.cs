using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Comparison;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Export;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// What a copy reads: the shards of all its tables as of one instant, each from its node, or, where that can't be had, the
/// tables through the coordinator.
/// </summary>
internal sealed class CopySource : IAsyncDisposable
{
    private const string Return = "ROLLBACK TO SAVEPOINT part";

    // A request that cancels a COPY may come late, and cancel what follows it, a ROLLBACK too; two may be under way.
    private const int Attempts = 5;

    private readonly CitusConnection _connection;
    private readonly ShardSnapshot? _snapshot;
    private readonly NpgsqlConnection? _session;

    private CopySource(CitusConnection connection, ShardSnapshot? snapshot, NpgsqlConnection? session) =>
        (_connection, _snapshot, _session) = (connection, snapshot, session);

    /// <summary>Why there is no snapshot of all nodes, or null.</summary>
    public string? Obstacle { get; private init; }

    /// <summary>True where all rows are of one instant.</summary>
    public bool IsSnapshot { get; private init; }

    /// <summary>How many shards, nodes and sessions a cluster's snapshot has; else null.</summary>
    public string? Extent => _connection.CitusVersion is null ? null : _snapshot?.Extent;

    /// <summary>How long writers of the source had to wait.</summary>
    public TimeSpan WritersWaited => _snapshot?.WritersWaited ?? TimeSpan.Zero;

    public static async Task<CopySource> OpenAsync(CitusConnection connection, IReadOnlyList<TableInfo> tables, int sessions,
        CancellationToken stop)
    {
        (ShardSnapshot? snapshot, string? obstacle) = await ShardSnapshot.TryTakeAsync(connection, tables,
            SessionLimit.InAll(sessions), stop);
        if (snapshot is not null) return new CopySource(connection, snapshot, null) { IsSnapshot = true };
        return await OpenCoordinatorAsync(connection, connection.CitusVersion is null, obstacle, stop);
    }

    /// <summary>One session with the user's own search path, for a query, or for what the policies of tables call.</summary>
    public static async Task<CopySource> OpenCoordinatorAsync(CitusConnection connection, bool isSnapshot, string? obstacle,
        CancellationToken stop)
    {
        NpgsqlConnection session = await connection.OpenUserSessionAsync(stop);
        try
        {
            await session.ExecuteAsync(LoadSession.BeginRead, stop);
            return new CopySource(connection, null, session) { Obstacle = obstacle, IsSnapshot = isSnapshot };
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>What there is to read of a table.</summary>
    public IReadOnlyList<SnapshotShard> ShardsOf(TableInfo table) => _snapshot is null
        ? [new SnapshotShard(table, table.Name, default, null, null)]
        : [.. _snapshot.Shards.Where(s => s.Table.Oid == table.Oid)];

    /// <summary>A table's rows as they are copied, to compare them with.</summary>
    public ComparedRows RowsOf(ComparedTable table) => _snapshot is not null ? ComparedRows.Over(table, _snapshot, isOwned: false)
        : ComparedRows.Over(table, _session!, isOwned: false, Obstacle);

    /// <inheritdoc cref="ShardSnapshot.ReadAsync"/>
    public async Task ReadAsync(IEnumerable<SnapshotShard> shards, Func<NpgsqlConnection, SnapshotShard, CancellationToken, Task> read,
        CancellationToken stop)
    {
        if (_snapshot is not null)
        {
            await _snapshot.ReadAsync(shards, read, stop);
            return;
        }
        await using var cancellation = new ServerCancellation(stop, () => [(_connection.OpenSessionAsync, [_session!.ProcessID])]);
        foreach (SnapshotShard shard in shards) await read(_session!, shard, stop);
    }

    /// <summary>Whether all its sessions still see what they saw.</summary>
    public async Task<bool> IsIntactAsync(CancellationToken stop)
    {
        foreach (NpgsqlConnection session in _snapshot?.Sessions ?? [_session!])
            if (!await IsIntactAsync(session, stop)) return false;
        return true;
    }

    /// <summary>Reads a part; where that fails, the session returns to where it was, and keeps its snapshot.</summary>
    public static async Task ReadPartAsync(NpgsqlConnection session, Func<Task> read, CancellationToken stop)
    {
        await session.ExecuteAsync("SAVEPOINT part", stop);
        try
        {
            await read();
        }
        catch
        {
            await CitusConnection.TidyAsync(session, Return);
            throw;
        }
        await session.ExecuteAsync("RELEASE SAVEPOINT part", stop);
    }

    private static async Task<bool> IsIntactAsync(NpgsqlConnection session, CancellationToken stop)
    {
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            try
            {
                await session.ExecuteAsync("SELECT", stop);
                return true;
            }
            catch (PostgresException)
            {
                await CitusConnection.TidyAsync(session, Return);
            }
            catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException && !stop.IsCancellationRequested)
            {
                return false;
            }
        }
        return false;
    }

    public async ValueTask DisposeAsync()
    {
        if (_snapshot is not null) await _snapshot.DisposeAsync();
        if (_session is not null) await _session.DisposeAsync(); // and its transaction with it
    }
}
