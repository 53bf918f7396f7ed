using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// A part of a table on its way straight into the shards of its hash range: a writer for each, committed together by
/// the protocol of the shard route.
/// </summary>
internal sealed class ShardPart : ICopyPart
{
    private readonly NodeWriter?[] _writers; // by the map; null where the part has no rows
    private readonly BinaryRouter _router;
    private readonly ServerCancellation _cancellation;
    private readonly ICommitProtocol _protocol;

    private ShardPart(ShardRoute route, CopyLedger ledger, int number, TableGuard guard, ShardMap map, NodeWriter?[] writers,
        CancellationToken stop)
    {
        _writers = writers;
        _router = new BinaryRouter(route.Table.Display, route.KeyField,
            BinaryHasher.For(route.Target.Columns[route.KeyField].TypeOid)!, map);
        NodeWriter[] open = [.. writers.OfType<NodeWriter>()];
        _cancellation = new ServerCancellation(stop, () => open.GroupBy(w => w.Node)
            .Select(node => (node.First().Reopen, node.Select(w => w.ProcessId).ToArray())));
        _protocol = new TwoPhaseCommit(ledger, guard, open,
            part => new PreparedName(route.Connection.CoordinatorId, ledger.ImportId, number, ledger.Attempt, part), _cancellation);
    }

    /// <param name="number">The part's number in its import.</param>
    /// <param name="hashMin">The lowest hash that a row of the part has, and <paramref name="hashMax"/> the highest.</param>
    public static async Task<ShardPart> BeginAsync(ShardRoute route, CopyLedger ledger, int number, int hashMin, int hashMax,
        CancellationToken stop)
    {
        TableGuard guard = await TableGuard.OpenAsync(route.Connection, route.Table, stop);
        NodeWriter?[] writers = [];
        try
        {
            ShardMap map = await route.LockAsync(guard, stop);
            writers = new NodeWriter?[map.Shards.Count];
            await Task.WhenAll(map.Shards.Select(async (shard, i) =>
            {
                if (shard.HashMin <= hashMax && hashMin <= shard.HashMax)
                    writers[i] = await OpenAsync(route, ledger.ImportId, shard, stop);
            }));
            return new ShardPart(route, ledger, number, guard, map, writers, stop);
        }
        catch
        {
            foreach (NodeWriter writer in writers.OfType<NodeWriter>())
            {
                await writer.RollbackAsync(endPrepared: false);
                await CloseAsync(writer);
            }
            await guard.DisposeAsync();
            throw;
        }
    }

    public async Task CopyAsync(NpgsqlRawCopyStream from, Action<int, int> copied, CancellationToken stop)
    {
        var rows = new BinaryRows(from);
        NodeWriter[] open = [.. _writers.OfType<NodeWriter>()];
        if (open.Length == 1) await rows.SendAsync(block => open[0].WriteAsync(default, default, stop, block), copied, stop);
        else await SplitAsync(rows, copied, stop);
        await Task.WhenAll(open.Select(w => w.FinishAsync(stop)));
    }

    private async Task SplitAsync(BinaryRows rows, Action<int, int> copied, CancellationToken stop)
    {
        ShardBuffer?[] buffers = [.. _writers.Select(w => w?.Buffer)];
        while (await rows.ReadAsync(stop))
        {
            for (int from = 0; rows.Split(_router, ref from, buffers, out int full);) await _writers[full]!.FlushAsync(stop);
            copied(rows.Count, rows.Block.Length);
        }
    }

    public Task CommitAsync(ImportBatch row, CancellationToken stop) => _protocol.CommitAsync(row, stop);

    public async ValueTask DisposeAsync()
    {
        await _cancellation.DisposeAsync();
        await _protocol.DisposeAsync();
        foreach (NodeWriter writer in _writers.OfType<NodeWriter>()) await CloseAsync(writer);
    }

    private static async Task<NodeWriter> OpenAsync(ShardRoute route, Guid importId, ShardRange shard, CancellationToken stop)
    {
        NodeName node = ShardRoute.NodeOf(shard);
        Task<NpgsqlConnection> Open(CancellationToken token) => route.Connection.OpenUserNodeSessionAsync(node, token);
        NpgsqlConnection session = await Open(stop);
        try
        {
            await ImportLock.ShareAsync(session, importId, stop);
            var options = new WriterOptions(route.Connection.AddressOf(node).ToString(), Open)
                { Shards = [shard], Shard = shard, AlwaysCommits = true, IsBinary = true };
            return await NodeWriter.BeginAsync(session, options, async () =>
            {
                await route.BeginAsync(session, shard, stop);
                var copy = new CopyStream(session, "", route.Target.BinaryCopyInto(route.SqlOf(shard)));
                await copy.OpenAsync(stop);
                return copy;
            });
        }
        catch
        {
            await CloseAsync(session);
            throw;
        }
    }

    private static async Task CloseAsync(NodeWriter writer)
    {
        await writer.DisposeAsync();
        await CloseAsync(writer.Session);
    }

    private static async Task CloseAsync(NpgsqlConnection session)
    {
        await ImportLock.ReleaseAllAsync(session);
        await session.DisposeAsync();
    }
}
