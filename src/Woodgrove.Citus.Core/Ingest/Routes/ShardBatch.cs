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
/// A batch straight into the shards: each record's own bytes to the COPY of its shard on its node. Committed by
/// preparing every node's part, one row of the ledger that decides, and committing what was prepared.
/// </summary>
internal sealed class ShardBatch : IBatch
{
    private static readonly TimeSpan CommitPatience = TimeSpan.FromSeconds(30);

    private readonly ShardRoute _route;
    private readonly ImportLedger _ledger;
    private readonly int _number;
    private readonly TableGuard _guard;
    private readonly ShardMap _shards;
    private readonly Stream[] _streams;
    private readonly ShardBuffer[] _buffers;
    private readonly RejectList? _rejects;
    private readonly List<RecordBounds> _marks = []; // of the block, where refused records are set aside
    private readonly CancellationTokenRegistration _cancel;
    private Task _cancelling = Task.CompletedTask;
    private bool _over;
    private bool _undecided; // the ledger was asked to commit, and its answer is not known

    private ShardBatch(ShardRoute route, ImportLedger ledger, int number, TableGuard guard, ShardMap shards, bool truncate,
        RejectList? rejects, CancellationToken stop)
    {
        _rejects = rejects;
        (_route, _ledger, _number, _guard, _shards) = (route, ledger, number, guard, shards);
        _streams = shards.Shards.Select(s => new Stream(s, truncate, rejects, Holds)).ToArray();
        _buffers = _streams.Select(s => s.Buffer).ToArray();
        Router = new RecordRouter(route.Dialect, route.KeyField, route.Hasher!, shards);
        _cancel = stop.Register(CancelOnServers);
    }

    public RecordRouter Router { get; }
    public ShardMap Shards => _shards;

    /// <param name="rejects">Where refused records go, or null where the first one ends the load.</param>
    public static async Task<ShardBatch> BeginAsync(ShardRoute route, ImportLedger ledger, int number, bool truncate, RejectList? rejects,
        CancellationToken stop)
    {
        TableGuard guard = await TableGuard.OpenAsync(route.Connection, route.Table, stop);
        ShardBatch? batch = null;
        try
        {
            batch = new ShardBatch(route, ledger, number, guard, await route.LockAsync(guard, stop), truncate, rejects, stop);
            await Task.WhenAll(batch._streams.Select(s => s.OpenAsync(route, ledger.ImportId, stop)));
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
        if (_rejects is not null) block.MarkRecords(from, to, _marks);
        int record = 0;
        while (from < to)
        {
            (int count, RoutingProblem problem) = Router.Split(block, ref from, to, _buffers, out int shard,
                _rejects is null ? default : System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_marks)[record..]);
            record += count;
            if (problem == RoutingProblem.Null)
            {
                RefuseNull(block, ref from);
                record++;
            }
            else if (problem == RoutingProblem.Unread) await _route.AskAsync(Router, _ledger.Session, stop);
            else if (from < to) await _streams[shard].FlushAsync(stop);
        }
    }

    public Task FinishAsync(CancellationToken stop) => Task.WhenAll(_streams.Where(s => s.HasWork).Select(s => s.FinishAsync(stop)));

    public async Task CommitAsync(ImportBatch? row, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(row); // it is the decision
        Stream[] used = _streams.Where(s => s.HasWork).ToArray();
        await Task.WhenAll(used.Select(s => s.PrepareAsync(_route, Name(s.Shard.ShardId.ToString(CultureInfo.InvariantCulture)), stop)));
        await _guard.PrepareAsync(Name(PreparedName.Guard), stop);
        await DecideAsync(row, stop);
        // Decided: from here on nothing may roll back, and Ctrl+C only stops what comes after.
        _over = true;
        await _cancel.DisposeAsync();
        await _cancelling;
        try
        {
            await Task.WhenAll(_streams.Select(s => s.HasWork ? s.CommitPreparedAsync(_route, row.ImportId, CommitPatience)
                : s.RollbackAsync(endPrepared: false)));
            await SettleAsync(row);
        }
        finally
        {
            await _guard.DisposeAsync();
        }

        PreparedName Name(string part) => new(_route.Connection.CoordinatorId, row.ImportId, _number, _ledger.Attempt, part);
    }

    public async ValueTask DisposeAsync()
    {
        if (_over) return;
        _over = true;
        await _cancel.DisposeAsync();
        await _cancelling; // or it would hit whoever has the sessions next
        // What may be decided stays prepared: recovery asks the ledger.
        await Task.WhenAll(_streams.Select(s => s.RollbackAsync(endPrepared: !_undecided)));
        if (!_undecided) await _guard.TryReleaseAsync();
        await _guard.DisposeAsync();
    }

    private void RefuseNull(RecordBlock block, ref int from)
    {
        int end = block.EndAfter(from);
        long line = block.LineAt(end);
        if (_rejects is null) throw new NullKeyException(line);
        _rejects.Add(block.Block[from..end], RefusedRowFinder.NullKeyRow(_route.Source, _route.Table, line));
        from = end;
    }

    /// <summary>Whether a record went to a shard.</summary>
    private bool Holds(ShardRange shard, RecordBlock rows, int start, int end) =>
        Router.Find(rows.Block.Span, rows.Delimiters, start, end, out int found) == RoutingProblem.None && _shards.Shards[found] == shard;

    private async Task DecideAsync(ImportBatch row, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested(); // later it is too late
        _undecided = true;
        try
        {
            await _ledger.WriteAsync(row, CancellationToken.None, isPending: true);
        }
        catch (Exception e) when (e is CitusException or PostgresException && !PostgresErrors.IsNetwork(e))
        {
            _undecided = false;
            throw;
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            // Lost while deciding: the ledger itself says which way it went.
            bool decided = await _ledger.IsDecidedAsync(row.Number, stop);
            _undecided = false;
            if (!decided) throw;
        }
    }

    /// <summary>Every node has committed: the ledger says so, and the table may change again.</summary>
    private async Task SettleAsync(ImportBatch row)
    {
        try
        {
            await _ledger.SettleAsync(row, CommitPatience);
            await _guard.ReleaseAsync(CommitPatience);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or CitusException)
        {
            // The rows are committed everywhere; the next load's recovery notes it and ends the guard.
        }
    }

    private void CancelOnServers()
    {
        _cancelling = Task.WhenAll(_streams.Where(s => s.ProcessId is not null).GroupBy(s => s.Address(_route))
            .Select(node => ServerCancel.SendAsync(
            c => _route.Connection.OpenNodeSessionAsync(node.Key.Host, node.Key.Port, c), node.Select(s => s.ProcessId!.Value).ToArray()))
            .ToList());
    }

    /// <summary>The rows of one shard on their way.</summary>
    private sealed class Stream(ShardRange shard, bool truncate, RejectList? rejects, Func<ShardRange, RecordBlock, int, int, bool> holds)
    {
        private Task _sending = Task.CompletedTask;
        private CopyStream? _copy;
        private BisectingCopy? _tolerant;
        private PreparedPart? _prepared;

        public ShardRange Shard => shard;
        public ShardBuffer Buffer { get; } = new(keepsLines: rejects is not null);
        public bool HasWork => truncate || Buffer.HasRows;
        public int? ProcessId { get; private set; }

        public (string Host, int Port) Address(ShardRoute route) => route.AddressOf(shard);

        public async Task OpenAsync(ShardRoute route, Guid importId, CancellationToken stop)
        {
            NpgsqlConnection session = await route.BeginAsync(shard, importId, stop);
            if (truncate)
            {
                await ExecuteAsync(session, "SET LOCAL citus.enable_manual_changes_to_shards = on", stop);
                await CoordinatorBatch.TruncateAsync(session, route.SqlOf(shard), stop);
            }
            var copy = new CopyStream(session, route.CopyCommand(shard));
            if (rejects is null) await copy.OpenAsync(stop);
            else _tolerant = new BisectingCopy(new SavepointCopy(session, route.CopyCommand(shard)).TryAsync, rejects, shard);
            ProcessId = session.ProcessID;
            _copy = copy;
        }

        /// <summary>Sends what was gathered while the next records gather.</summary>
        public async ValueTask FlushAsync(CancellationToken stop)
        {
            await _sending;
            (ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> marks) = Buffer.Take();
            _sending = _tolerant is null ? _copy!.WriteAsync(records, stop).AsTask() : _tolerant.LoadAsync(records, marks, stop);
        }

        public async Task FinishAsync(CancellationToken stop)
        {
            try
            {
                await FlushAsync(stop);
                await _sending;
                if (_tolerant is null) await _copy!.FinishAsync();
            }
            catch (PostgresException refusal) when (!PostgresErrors.IsTransient(refusal) && !stop.IsCancellationRequested)
            {
                throw new RecordRefusedException(refusal, shard, (rows, start, end) => holds(shard, rows, start, end));
            }
        }

        public Task PrepareAsync(ShardRoute route, PreparedName name, CancellationToken stop)
        {
            (string host, int port) = Address(route);
            _prepared = new PreparedPart(_copy!.Session, name, $"{host}:{port}", c => route.Connection.OpenNodeSessionAsync(host, port, c));
            return _prepared.PrepareAsync(stop);
        }

        /// <summary>
        /// Commits what is prepared, trying again for a while; what can't be reached is committed by the next load's
        /// recovery.
        /// </summary>
        public async Task CommitPreparedAsync(ShardRoute route, Guid importId, TimeSpan patience)
        {
            try
            {
                await _prepared!.EndAsync(commit: true, patience);
            }
            catch (Exception e) when (e is NpgsqlException or IOException)
            {
                (string host, int port) = Address(route);
                throw new CitusException("CitusCommitPending", CitusErrorKind.ResourceUnavailable,
                    $"The batch is committed, but {host}:{port} can't be reached to make its part visible ({e.Message.TrimEnd('.')}).",
                    "Nothing is lost: once the node is back, Repair-CitusImport or any load completes it; "
                        + $"-ImportId {importId} goes on with what the file has beyond it.", e) { Target = importId };
            }
        }

        public async Task RollbackAsync(bool endPrepared)
        {
            if (_copy is null) return;
            try
            {
                await _sending; // a session does one thing at a time
            }
            catch (Exception e) when (e is NpgsqlException or IOException or CitusException or OperationCanceledException)
            {
                // Why the load ends; whoever ends it knows.
            }
            await _copy.CancelAsync();
            try
            {
                if (_prepared is null) await ExecuteAsync("ROLLBACK", CancellationToken.None);
                else if (endPrepared) await _prepared.EndAsync(commit: false, TimeSpan.Zero);
            }
            catch (Exception e) when (e is NpgsqlException or IOException or InvalidOperationException)
            {
                // Unprepared, it died with its session; prepared, the next load's recovery rolls it back.
            }
        }

        private Task ExecuteAsync(string sql, CancellationToken stop) => ExecuteAsync(_copy!.Session, sql, stop);

        private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken stop)
        {
            await using var command = new NpgsqlCommand(sql, session);
            await command.ExecuteNonQueryAsync(stop);
        }
    }
}
