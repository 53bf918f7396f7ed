using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// Ends the transactions that interrupted loads left prepared on the nodes, as the ledger decides: those of a batch that
/// it holds are committed, others are rolled back. Only the primary of the coordinator that a node itself regards as its
/// coordinator may do so, only to transactions that name it, and never while the import runs.
/// </summary>
/// <param name="own">The attempts of the load that recovers.</param>
internal sealed class ImportRecovery(CitusConnection coordinator, Func<ImportRepair, ValueTask>? report, ImportAttempts? own = null)
{
    /// <summary>How long the sessions of a client that was killed a moment ago are given to end.</summary>
    private static readonly TimeSpan EndingPatience = TimeSpan.FromSeconds(10);

    private readonly List<ImportRepair> _pending = [];
    private readonly HashSet<Guid> _unverified = [];
    private Exception? _unreachable;
    private CoordinatorTimeline? _timeline;

    /// <summary>What could not be ended, with the reasons.</summary>
    public IReadOnlyList<ImportRepair> Pending => _pending;

    /// <summary>Ends what can be ended.</summary>
    /// <param name="importId">Only this import, or null for all.</param>
    /// <param name="everywhere">A node that can't be reached is an error.</param>
    public async Task RunAsync(Guid? importId, bool everywhere, CancellationToken stop)
    {
        if (coordinator.CitusVersion is null) return; // only nodes of a cluster have parts
        await using NpgsqlConnection ledger = await coordinator.OpenSessionAsync(stop);
        if (!await ImportLedger.ExistsAsync(ledger, stop))
        {
            await KeepAllAsync(ledger, importId, stop);
            return;
        }
        if (await LedgerSchema.ObstacleAsync(ledger, withParts: false, stop) is { } obstacle)
        {
            await KeepAsync(new ImportRepair(importId, coordinator.Name, null, ImportRepairAction.Pending,
                $"{char.ToLowerInvariant(obstacle.What[0])}{obstacle.What[1..].TrimEnd('.')}"));
            return;
        }
        _timeline = await CoordinatorTimeline.ReadAsync(ledger, stop);
        // A disabled node may be away for good; it is only asked where something may lie there.
        bool disabledToo = importId is not null || (await ImportLedger.PendingAsync(ledger, null, stop)).Count > 0;
        foreach (NodeName name in await NodesAsync(ledger, disabledToo, stop))
        {
            string address = coordinator.AddressOf(name).ToString();
            try
            {
                await using NpgsqlConnection node = await coordinator.OpenNodeSessionAsync(name, stop);
                await EndPartsAsync(ledger, node, address, importId, stop);
            }
            catch (Exception e) when (!stop.IsCancellationRequested && e is NpgsqlException or TimeoutException)
            {
                if (everywhere) throw;
                _unreachable = e;
                await KeepAsync(new ImportRepair(importId, address, null, ImportRepairAction.Pending,
                    $"the node can't be asked: {e.Message.TrimEnd('.')}"));
            }
        }
        await SettleAsync(ledger, importId, stop);
        await EndGuardsAsync(ledger, importId, stop);
        foreach (Guid import in await StagingTable.LeftoversAsync(ledger, stop))
        {
            if (importId is null || import == importId)
                await LockedAsync(ledger, import, async () => { if (await StagingTable.DropAsync(ledger, import, stop))
                    await TellAsync(new ImportRepair(import, coordinator.Name, null, ImportRepairAction.Dropped, null)); }, stop);
        }
    }

    /// <summary>All primary nodes that take part in the cluster.</summary>
    /// <param name="disabledToo">Those too that are disabled.</param>
    private static async Task<List<NodeName>> NodesAsync(NpgsqlConnection ledger, bool disabledToo, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT nodename, nodeport FROM pg_catalog.pg_dist_node WHERE (isactive OR $1) AND "
            + "noderole = 'primary' ORDER BY 1, 2", ledger)
        {
            Parameters = { new() { Value = disabledToo } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var nodes = new List<NodeName>();
        while (await row.ReadAsync(stop)) nodes.Add(new NodeName(row.GetString(0), row.GetInt32(1)));
        return nodes;
    }

    /// <summary>Reports what lies prepared where no ledger is left to decide it.</summary>
    private async Task KeepAllAsync(NpgsqlConnection ledger, Guid? importId, CancellationToken stop)
    {
        foreach (NodeName name in await NodesAsync(ledger, false, stop))
        {
            try
            {
                await using NpgsqlConnection node = await coordinator.OpenNodeSessionAsync(name, stop);
                foreach (PreparedTransaction part in await PreparedTransaction.ListAsync(node, coordinator.CoordinatorId, importId, stop))
                    await KeepAsync(part, coordinator.AddressOf(name).ToString(),
                        "the ledger that would decide it is gone; ROLLBACK PREPARED "
                        + $"'{part.Name}' on this node discards its rows, COMMIT PREPARED keeps them");
            }
            catch (Exception e) when (!stop.IsCancellationRequested && e is NpgsqlException or TimeoutException)
            {
                // Without a ledger there is no import that could need this node.
            }
        }
    }

    /// <summary>Ends the parts on a node.</summary>
    private async Task EndPartsAsync(NpgsqlConnection ledger, NpgsqlConnection node, string address, Guid? importId, CancellationToken stop)
    {
        List<PreparedTransaction> parts = (await PreparedTransaction.ListAsync(node, coordinator.CoordinatorId, importId,
            stop)).FindAll(p => !p.Name.IsGuard);
        string? stranger = parts.Count == 0 ? null : await StrangerAsync(ledger, node, stop);
        foreach (PreparedTransaction part in parts)
        {
            if (stranger is not null) await KeepAsync(part, address, stranger);
            else await EndPartAsync(ledger, node, address, part, stop);
        }
    }

    private async Task EndPartAsync(NpgsqlConnection ledger, NpgsqlConnection node, string address, PreparedTransaction part,
        CancellationToken stop)
    {
        PreparedName name = part.Name;
        bool free = await LockedAsync(ledger, name.ImportId, async () =>
        {
            var clock = System.Diagnostics.Stopwatch.StartNew();
            while (!await ImportLock.TryTakeAsync(node, ImportLock.Node, name.ImportId, stop))
            {
                if (clock.Elapsed > EndingPatience)
                {
                    await KeepAsync(part, address, "a session of the import is still at work on the node");
                    return;
                }
                await Task.Delay(250, stop);
            }
            try
            {
                bool decided = await ImportLedger.IsDecidedAsync(ledger, name.ImportId, name.Batch, name.Attempt, part.Owner, stop);
                if (!decided && MayHaveBeenDecided(name))
                {
                    await KeepAsync(part, address, Forgotten(name, address));
                    return;
                }
                await PreparedPart.EndAsync(node, name, part.TransactionId, address, decided, stop);
                await TellAsync(new ImportRepair(name.ImportId, address, name.ToString(),
                    decided ? ImportRepairAction.Committed : ImportRepairAction.RolledBack, null));
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
            {
                await KeepAsync(part, address, $"it belongs to role '{part.Owner}', which or a superuser can end it");
            }
            finally
            {
                await ImportLock.ReleaseAllAsync(node);
            }
        }, stop);
        if (!free) _unverified.Add(name.ImportId);
    }

    /// <summary>Notes the batches whose parts are all committed.</summary>
    private async Task SettleAsync(NpgsqlConnection ledger, Guid? importId, CancellationToken stop)
    {
        if (_unreachable is not null) return;
        foreach (Guid import in await ImportLedger.PendingAsync(ledger, importId, stop))
        {
            if (!_unverified.Contains(import))
                await LockedAsync(ledger, import, () => ImportLedger.SettleAsync(ledger, import, null, stop), stop);
        }
    }

    /// <summary>Ends the guards that protect nothing any more: rows that are decided and not yet committed need theirs.</summary>
    private async Task EndGuardsAsync(NpgsqlConnection ledger, Guid? importId, CancellationToken stop)
    {
        List<PreparedTransaction> prepared = await PreparedTransaction.ListAsync(ledger, coordinator.CoordinatorId, importId, stop);
        foreach (PreparedTransaction guard in prepared.Where(p => p.Name.IsGuard))
        {
            if (_unverified.Contains(guard.Name.ImportId) || (await ImportLedger.PendingAsync(ledger, guard.Name.ImportId, stop)).Count > 0)
            {
                await KeepAsync(guard, "the coordinator", "it protects rows that lie prepared on a node");
                continue;
            }
            await LockedAsync(ledger, guard.Name.ImportId, async () =>
            {
                try
                {
                    await PreparedPart.EndAsync(ledger, guard.Name, guard.TransactionId, "the coordinator", commit: false, stop);
                    await TellAsync(new ImportRepair(guard.Name.ImportId, "the coordinator", guard.Name.ToString(),
                        ImportRepairAction.RolledBack, null));
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
                {
                    await KeepAsync(guard, "the coordinator", $"it belongs to role '{guard.Owner}', which or a superuser can end it");
                }
            }, stop);
        }
    }

    /// <summary>
    /// Why a node is not this coordinator's, or null: a restored copy of a coordinator still names the nodes of the
    /// original.
    /// </summary>
    private static async Task<string?> StrangerAsync(NpgsqlConnection ledger, NpgsqlConnection node, CancellationToken stop)
    {
        string own = await TextAsync(ledger, CoordinatorFacts.Start, stop);
        if (await TextAsync(node, CoordinatorFacts.Start, stop) == own) return null;
        try
        {
            await using var ask = new NpgsqlCommand("SELECT success, result FROM pg_catalog.run_command_on_coordinator($1)", node)
                { Parameters = { new() { Value = CoordinatorFacts.Start } } };
            await using NpgsqlDataReader row = await ask.ExecuteReaderAsync(stop);
            if (!await row.ReadAsync(stop)) return "the node knows no coordinator";
            return !row.GetBoolean(0) ? $"the node does not reach its coordinator ({row.GetString(1).TrimEnd('.')})"
                : row.GetString(1) == own ? null : "the node's coordinator is another server than this one";
        }
        catch (PostgresException e)
        {
            return $"the node does not tell which server is its coordinator ({e.MessageText.TrimEnd('.')})";
        }
    }

    /// <summary>True where this server may have lost the decision to commit a part.</summary>
    private bool MayHaveBeenDecided(PreparedName name) => _timeline!.MayLack(name.Attempt) && own?.Contains(name.Attempt) is not true;

    private static string Forgotten(PreparedName name, string address) =>
        "the coordinator has been replaced by a standby, or restored, since it was prepared, and may have lost the decision to commit it; "
        + $"if the table holds other rows of batch {name.Batch}, run COMMIT PREPARED '{name}' on {address}, "
        + $"otherwise ROLLBACK PREPARED '{name}'";

    /// <summary>Does something under an import's lock, which is released with the transaction whatever happens.</summary>
    /// <returns>False where somebody else has the lock: the import runs.</returns>
    private static async Task<bool> LockedAsync(NpgsqlConnection ledger, Guid importId, Func<Task> work, CancellationToken stop)
    {
        if (!await ImportLock.TryTakeAsync(ledger, ImportLock.Ledger, importId, stop)) return false;
        try
        {
            await work();
            return true;
        }
        finally
        {
            await ImportLock.ReleaseAllAsync(ledger);
        }
    }

    private ValueTask KeepAsync(PreparedTransaction part, string address, string reason)
    {
        _unverified.Add(part.Name.ImportId);
        return KeepAsync(new ImportRepair(part.Name.ImportId, address, part.Name.ToString(), ImportRepairAction.Pending, reason));
    }

    private ValueTask KeepAsync(ImportRepair step)
    {
        _pending.Add(step);
        return TellAsync(step);
    }

    private ValueTask TellAsync(ImportRepair step) => report?.Invoke(step) ?? default;

    private static async Task<string> TextAsync(NpgsqlConnection session, string sql, CancellationToken stop)
    {
        return (await session.ScalarAsync<string>(sql, stop))!;
    }
}
