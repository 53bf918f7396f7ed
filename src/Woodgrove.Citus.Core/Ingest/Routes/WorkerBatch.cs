using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Rejects;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>
/// A batch by node: each row goes to the node that owns its shard, into the distributed table itself, so that the
/// node's own Citus keeps the locks and commits. Each node's part commits apart, together with a row of
/// <c>woodgrove.import_part</c> that names the hash ranges it holds; a batch that ended between two parts is made
/// whole by loading the other ranges.
/// </summary>
internal sealed class WorkerBatch : IBatch
{
    private readonly ShardRoute _route;
    private readonly ImportLedger _ledger;
    private readonly PartialBatch? _pending;
    private readonly TableGuard _guard;
    private readonly Part[] _parts;
    private readonly Part?[] _partOfShard; // null where the shard's rows are committed already
    private readonly ShardBuffer[] _buffers;
    private readonly RecordRouter _router;
    private readonly CancellationTokenRegistration _cancel;
    private Task _cancelling = Task.CompletedTask;

    private WorkerBatch(ShardRoute route, ImportLedger ledger, PartialBatch? pending, TableGuard guard, ShardMap shards,
        CancellationToken stop)
    {
        (_route, _ledger, _pending, _guard) = (route, ledger, pending, guard);
        _router = new RecordRouter(route.Dialect, route.KeyField, route.Hasher!, shards);
        _partOfShard = new Part?[shards.Shards.Count];
        _parts = shards.Shards.Select((shard, index) => (shard, index)).Where(s => pending?.Holds(s.shard) is not true)
            .GroupBy(s => route.AddressOf(s.shard)).Select((node, number) => new Part(node.Key, node.Select(s => s.shard).ToArray(), IsOf))
            .ToArray();
        foreach (Part part in _parts)
            foreach (ShardRange shard in part.Shards) _partOfShard[IndexOf(shards, shard)] = part;
        var dropped = new ShardBuffer();
        _buffers = _partOfShard.Select(p => p?.Buffer ?? dropped).ToArray();
        _cancel = stop.Register(() => _cancelling = Task.WhenAll(_parts.Select(p => p.CancelAsync(route)).ToList()));
    }

    /// <param name="pending">The batch that an earlier run left in parts, or null for a new one.</param>
    public static async Task<WorkerBatch> BeginAsync(ShardRoute route, ImportLedger ledger, PartialBatch? pending, CancellationToken stop)
    {
        TableGuard guard = await TableGuard.OpenAsync(route.Connection, route.Table, stop);
        WorkerBatch? batch = null;
        try
        {
            batch = new WorkerBatch(route, ledger, pending, guard, await route.ReadAsync(guard.Session, stop), stop);
            await Task.WhenAll(batch._parts.Select(p => p.OpenAsync(route, stop)));
            return batch;
        }
        catch
        {
            if (batch is null) await guard.DisposeAsync();
            else await batch.DisposeAsync();
            throw;
        }
    }

    public async ValueTask WriteAsync(RecordBlock block, int from, int to, CancellationToken stop)
    {
        while (from < to)
        {
            (_, RoutingProblem problem) = _router.Split(block, ref from, to, _buffers, out int shard);
            if (problem == RoutingProblem.Null) throw new NullKeyException(block.LineAt(block.EndAfter(from)));
            if (problem == RoutingProblem.Unread) await _route.AskAsync(_router, _ledger.Session, stop);
            else if (from < to && _partOfShard[shard] is { } part) await part.FlushAsync(stop);
            else if (from < to) _buffers[shard].Take();
        }
    }

    public Task FinishAsync(CancellationToken stop) => Task.WhenAll(_parts.Select(p => p.FinishAsync(stop)));

    public async Task CommitAsync(ImportBatch? row, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(row);
        await _guard.PrepareAsync(new PreparedName(_route.Connection.CoordinatorId, row.ImportId, row.Number, _ledger.Attempt,
            PreparedName.Guard), stop);
        await Task.WhenAll(_parts.Where(p => p.HasRows).Select(p => p.CommitAsync(row, _ledger.Attempt, stop)));
        await _ledger.WriteAsync(row, stop);
        await PartialBatch.ForgetAsync(_ledger.Session, row.ImportId, row.Number, stop);
    }

    public async ValueTask DisposeAsync()
    {
        await _cancel.DisposeAsync();
        await _cancelling;
        foreach (Part part in _parts) await part.DisposeAsync();
        await _guard.TryReleaseAsync();
        await _guard.DisposeAsync();
    }

    private static int IndexOf(ShardMap shards, ShardRange shard) => shards.Find(shard.HashMin);

    /// <summary>Whether a record went to a part.</summary>
    private bool IsOf(Part part, RecordBlock rows, int start, int end) =>
        _router.Find(rows.Block.Span, rows.Delimiters, start, end, out int shard) == RoutingProblem.None && _partOfShard[shard] == part;

    /// <summary>The rows of one node on their way.</summary>
    private sealed class Part((string Host, int Port) node, ShardRange[] shards, Func<Part, RecordBlock, int, int, bool> isOf)
        : IAsyncDisposable
    {
        private NpgsqlConnection? _session;
        private NpgsqlTransaction? _transaction;
        private CopyStream? _copy;
        private Task _sending = Task.CompletedTask;

        public ShardRange[] Shards => shards;
        public ShardBuffer Buffer { get; } = new();
        public bool HasRows => Buffer.HasRows;

        public async Task OpenAsync(ShardRoute route, CancellationToken stop)
        {
            _session = await route.Connection.OpenUserNodeSessionAsync(node.Host, node.Port, stop);
            _transaction = await _session.BeginTransactionAsync(stop);
            await using (var settings = new NpgsqlCommand($"{route.Settings}; {LoadSession.DurableCommit}", _session))
                await settings.ExecuteNonQueryAsync(stop);
            await LedgerSchema.RequireTrustedAsync(_session, PartialBatch.Table, stop);
            _copy = new CopyStream(_session, route.Target.CopyInto(route.Table.Name.Sql));
            await _copy.OpenAsync(stop);
        }

        public async ValueTask FlushAsync(CancellationToken stop)
        {
            await _sending;
            _sending = _copy!.WriteAsync(Buffer.Take().Records, stop).AsTask();
        }

        public async Task FinishAsync(CancellationToken stop)
        {
            try
            {
                await FlushAsync(stop);
                await _sending;
                await _copy!.FinishAsync();
            }
            catch (PostgresException refusal) when (!PostgresErrors.IsTransient(refusal) && !stop.IsCancellationRequested)
            {
                throw new RecordRefusedException(refusal, null, (rows, start, end) => isOf(this, rows, start, end));
            }
        }

        public async Task CommitAsync(ImportBatch row, string attempt, CancellationToken stop)
        {
            await PartialBatch.WriteAsync(_session!, row, attempt, shards, stop);
            await _transaction!.CommitAsync(stop);
        }

        public Task CancelAsync(ShardRoute route) => _session is null ? Task.CompletedTask
            : ServerCancel.SendAsync(c => route.Connection.OpenNodeSessionAsync(node.Host, node.Port, c), [_session.ProcessID]);

        public async ValueTask DisposeAsync()
        {
            try
            {
                await _sending; // a session does one thing at a time
            }
            catch (Exception e) when (e is NpgsqlException or IOException or OperationCanceledException)
            {
                // Why the load ends; whoever ends it knows.
            }
            if (_copy is not null) await _copy.CancelAsync();
            try
            {
                if (_transaction is not null) await _transaction.DisposeAsync();
            }
            catch (Exception e) when (e is NpgsqlException or IOException)
            {
                // The session is gone, and its transaction with it.
            }
            if (_session is not null) await _session.DisposeAsync();
        }
    }
}
