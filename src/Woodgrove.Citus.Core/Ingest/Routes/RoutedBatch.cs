using System.Runtime.InteropServices;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Rejects;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>A batch whose records are routed here, each to the writer of its shard, and committed by a protocol.</summary>
internal sealed class RoutedBatch : IBatch
{
    private readonly ShardRoute _route;
    private readonly ImportLedger _ledger;
    private readonly RecordRouter _router;
    private readonly NodeWriter?[] _writerOfShard; // null where the shard's rows are committed already
    private readonly NodeWriter[] _writers;
    private readonly ShardBuffer[] _buffers;
    private readonly RejectList? _rejects;
    private readonly List<RecordBounds> _bounds = []; // of the block, where refused records are rejected
    private readonly ServerCancellation _cancellation;
    private readonly ICommitProtocol _protocol;

    private RoutedBatch(ShardRoute route, ImportLedger ledger, RecordRouter router, NodeWriter?[] writerOfShard, RejectList? rejects,
        Func<IReadOnlyList<INodePart>, IAsyncDisposable, ICommitProtocol> protocol, CancellationToken stop)
    {
        (_route, _ledger, _router, _writerOfShard, _rejects) = (route, ledger, router, writerOfShard, rejects);
        _writers = writerOfShard.OfType<NodeWriter>().Distinct().ToArray();
        var dropped = new ShardBuffer();
        _buffers = writerOfShard.Select(w => w?.Buffer ?? dropped).ToArray();
        _cancellation = new ServerCancellation(stop, () => _writers.GroupBy(w => w.Node)
            .Select(node => (node.First().Reopen, node.Select(w => w.ProcessId).ToArray())));
        _protocol = protocol(_writers, _cancellation);
    }

    /// <param name="number">The batch's number in its import.</param>
    /// <param name="read">Reads where the shards lie, in the session of the table's guard.</param>
    /// <param name="places">The writers; a shard that none takes is committed already.</param>
    /// <param name="protocol">Makes the protocol from the guard, the writers, the names of prepared transactions by their parts,
    /// and what cancels the writers on their servers.</param>
    public static async Task<RoutedBatch> BeginAsync(ShardRoute route, ImportLedger ledger, int number, RejectList? rejects,
        Func<TableGuard, Task<ShardMap>> read, Func<ShardMap, RecordRouter, IEnumerable<WriterPlace>> places,
        Func<TableGuard, IReadOnlyList<INodePart>, Func<string, PreparedName>, IAsyncDisposable, ICommitProtocol> protocol,
        CancellationToken stop)
    {
        TableGuard guard = await TableGuard.OpenAsync(route.Connection, route.Table, stop);
        NodeWriter?[] writerOfShard = [];
        try
        {
            ShardMap map = await read(guard);
            var router = new RecordRouter(route.Dialect, route.KeyField, route.Hasher!, map);
            writerOfShard = new NodeWriter?[map.Shards.Count];
            await Task.WhenAll(places(map, router).Select(async place =>
            {
                NodeWriter writer = await place.Open();
                foreach (int shard in place.Shards) writerOfShard[shard] = writer;
            }));
            return new RoutedBatch(route, ledger, router, writerOfShard, rejects,
                (parts, cancellation) => protocol(guard, parts, NameOf, cancellation), stop);
        }
        catch
        {
            foreach (NodeWriter writer in writerOfShard.OfType<NodeWriter>().Distinct())
            {
                await writer.RollbackAsync(endPrepared: false);
                await writer.DisposeAsync();
            }
            await guard.DisposeAsync();
            throw;
        }

        PreparedName NameOf(string part) => new(route.Connection.CoordinatorId, ledger.ImportId, number, ledger.Attempt, part);
    }

    public async ValueTask WriteAsync(RecordBlock block, int from, int to, CancellationToken stop)
    {
        if (_rejects is not null) block.BoundsOf(from, to, _bounds);
        int record = 0;
        while (from < to)
        {
            (int count, RoutingProblem problem) = _router.Split(block, ref from, to, _buffers, out int shard,
                _rejects is null ? default : CollectionsMarshal.AsSpan(_bounds)[record..]);
            record += count;
            if (problem == RoutingProblem.Null)
            {
                RefuseNull(block, ref from);
                record++;
            }
            else if (problem == RoutingProblem.Unread) await _route.AskAsync(_router, _ledger.Session, stop);
            else if (from < to && _writerOfShard[shard] is { } writer) await writer.FlushAsync(stop);
            else if (from < to) _buffers[shard].Take();
        }
    }

    public Task FinishAsync(CancellationToken stop) => Task.WhenAll(_writers.Where(w => w.HasWork).Select(w => w.FinishAsync(stop)));

    public Task CommitAsync(ImportBatch? row, CancellationToken stop) => _protocol.CommitAsync(row, stop);

    public async ValueTask DisposeAsync()
    {
        await _cancellation.DisposeAsync();
        await _protocol.DisposeAsync();
        foreach (NodeWriter writer in _writers) await writer.DisposeAsync();
    }

    private void RefuseNull(RecordBlock block, ref int from)
    {
        int end = block.EndAfter(from);
        long line = block.LineAt(end);
        RefusedRow row = RejectErrors.NullKeyRow(_route.File.Source, _route.Table, line);
        if (_rejects is null) throw RejectErrors.RowRefused(row, RejectErrors.Advice(row.SqlState!, _route.File.Dialect));
        _rejects.Add(block.Block[from..end], row);
        from = end;
    }
}
