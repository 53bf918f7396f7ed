using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations;

/// <summary>Makes a change: runs its statements in order on the coordinator, each in a transaction of its own.</summary>
public sealed class ChangeRunner(CitusConnection connection)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private int _done = -1; // statements; -1 until the first begins

    /// <summary>Receives each statement before it runs, and the notices of the servers.</summary>
    public Action<string> Explain { get; init; } = _ => { };

    /// <summary>Receives the warnings of the servers.</summary>
    public Action<string> Warn { get; init; } = _ => { };

    /// <summary>Receives how far the change is, twice a second.</summary>
    public Action<ChangeProgress> Report { get; init; } = _ => { };

    /// <summary>What a change that was cancelled has done.</summary>
    public string StateOf(ClusterChange change) => ChangeErrors.State(change, _done);

    /// <exception cref="Errors.CitusException">
    /// A statement failed; it was rolled back, unless the connection was lost, and those before it stay.
    /// </exception>
    /// <exception cref="OperationCanceledException">The statement that ran was cancelled on the server, and rolled back.</exception>
    public async Task RunAsync(ClusterChange change, CancellationToken stop)
    {
        CitusConnection coordinator = change.SeeksCoordinator ? await connection.AtCoordinatorAsync(stop) : connection;
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(coordinator, stop);
        // A statement that waits for a condition would see it as it was in the beginning.
        await session.ExecuteAsync($"SET default_transaction_isolation = 'read committed'; {DdlPropagation.OnAllNodesInSession}", stop);
        session.Notice += Tell;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task reports = ReportAsync(coordinator, change, session.ProcessID, ended.Token);
        await using HeldLock? held = change.LockSql is null ? null : await HeldLock.OpenAsync(coordinator, change.LockSql, stop);
        int[] processIds = held is null ? [session.ProcessID] : [session.ProcessID, held.ProcessId];
        await using var cancellation = new ServerCancellation(stop, () => [(coordinator.OpenSessionAsync, processIds)]);
        try
        {
            if (held is not null)
            {
                Explain(change.LockSql!);
                await held.AcquireAsync();
            }
            for (_done = 0; _done < change.Sql.Count; _done++)
            {
                stop.ThrowIfCancellationRequested();
                Explain(change.Sql[_done]);
                await using var command = new NpgsqlCommand(change.Sql[_done], session) { CommandTimeout = 0 };
                await command.ExecuteNonQueryAsync(CancellationToken.None); // cancelled on the server
            }
            if (held is not null) await held.ReleaseAsync();
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled && stop.IsCancellationRequested)
        {
            await CitusConnection.EndAsync(session);
            throw new OperationCanceledException(e.Message, e, stop);
        }
        catch (NpgsqlException e)
        {
            await CitusConnection.EndAsync(session);
            throw _done == change.Sql.Count ? ChangeErrors.LockLost(change, e) : ChangeErrors.Failed(connection, change, _done, e);
        }
        finally
        {
            session.Notice -= Tell; // the pool has the session next
            await ended.CancelAsync();
            await reports;
        }

        void Tell(object sender, NpgsqlNoticeEventArgs e) =>
            (e.Notice.InvariantSeverity == "WARNING" ? Warn : Explain)(e.Notice.MessageText);
    }

    /// <summary>Asks over another session what the statement has copied.</summary>
    private async Task ReportAsync(CitusConnection coordinator, ClusterChange change, int processId, CancellationToken ended)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Pause, ended);
                var progress = new ChangeProgress(change, Math.Max(_done, 0) + 1);
                if (change.Shards.Count > 0)
                {
                    await using NpgsqlConnection other = await coordinator.OpenSessionAsync(ended);
                    progress = await other.FirstAsync("""
                        SELECT sum(source_shard_size)::bigint, sum(target_shard_size)::bigint, max(status)
                        FROM pg_catalog.get_rebalance_progress() WHERE sessionid = $1 HAVING count(*) > 0
                        """, row => progress with { SizeBytes = row.GetInt64(0), CopiedBytes = row.GetInt64(1), Phase = row.TextOrNull(2) },
                        ended, processId) ?? progress;
                }
                Report(progress);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or NpgsqlException or Errors.CitusException)
        {
            // The change has ended, or can't be followed: that is no failure of the change.
        }
    }
}
