using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>
/// Prepares every part, decides by one row of the ledger, and commits what was prepared. What a crash leaves prepared,
/// recovery ends as the ledger says.
/// </summary>
/// <param name="name">The name of a prepared transaction of this batch, by its part.</param>
/// <param name="cancellation">Ctrl+C on the servers, which must not reach a batch that is decided.</param>
internal sealed class TwoPhaseCommit(
    IBatchLedger ledger, ITableGuard guard, IReadOnlyList<INodePart> parts, Func<string, PreparedName> name, IAsyncDisposable cancellation)
    : ICommitProtocol
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private CommitPhase _phase = CommitPhase.Open;

    public async Task CommitAsync(ImportBatch? row, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(row); // it is the decision
        await Task.WhenAll(parts.Where(p => p.HasWork).Select(p => p.PrepareAsync(NameOf(p), stop)));
        await guard.PrepareAsync(name(PreparedName.Guard), stop);
        await DecideAsync(row, stop);
        // From here on nothing may roll back, and Ctrl+C only stops what comes after.
        await cancellation.DisposeAsync();
        try
        {
            await Task.WhenAll(parts.Select(p => p.HasWork ? CarryOutAsync(p, row) : p.RollbackAsync(endPrepared: false)));
            await SettleAsync(row);
        }
        finally
        {
            await guard.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_phase == CommitPhase.Decided) return;
        // What may be decided stays prepared: recovery asks the ledger.
        bool isOpen = _phase == CommitPhase.Open;
        await Task.WhenAll(parts.Select(p => p.RollbackAsync(endPrepared: isOpen)));
        if (isOpen) await guard.TryReleaseAsync();
        await guard.DisposeAsync();
    }

    private PreparedName NameOf(INodePart part) => name(part.Shards[0].ShardId.ToString(CultureInfo.InvariantCulture));

    private async Task DecideAsync(ImportBatch row, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested(); // later it is too late
        _phase = CommitPhase.Deciding;
        try
        {
            await ledger.WriteAsync(row, CancellationToken.None, isPending: true);
        }
        catch (Exception e) when (e is CitusException or PostgresException && !PostgresErrors.IsNetwork(e))
        {
            _phase = CommitPhase.Open;
            throw;
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            // The answer is lost: the ledger itself says which way it went.
            bool isDecided = await ledger.IsDecidedAsync(row.Number, stop);
            if (!isDecided)
            {
                _phase = CommitPhase.Open;
                throw;
            }
        }
        _phase = CommitPhase.Decided;
    }

    /// <summary>Commits what is prepared, retrying for a while; what can't be reached is committed by the next load's recovery.</summary>
    private static async Task CarryOutAsync(INodePart part, ImportBatch row)
    {
        try
        {
            await part.CommitPreparedAsync(Patience);
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            throw CommitErrors.Pending(row.ImportId, part.Node, e);
        }
    }

    /// <summary>Every node has committed: the ledger says so, and the table may change again.</summary>
    private async Task SettleAsync(ImportBatch row)
    {
        try
        {
            await ledger.SettleAsync(row, Patience);
            await guard.ReleaseAsync(Patience);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or CitusException)
        {
            // The rows are committed everywhere; the next load's recovery notes it and ends the guard.
        }
    }
}
