using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Ingest;

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
    private readonly PendingBatch? _pending;
    private readonly Part[] _parts;
    private readonly Part?[] _partOfShard; // null where the shard's rows are committed already
    private readonly ShardBuffer[] _buffers;
    private readonly RecordRouter _router;
    private readonly CancellationTokenRegistration _cancel;
    private Task _cancelling = Task.CompletedTask;

    private WorkerBatch(ShardRoute route, ImportLedger ledger, PendingBatch? pending, ShardMap shards, CancellationToken stop)
    {
        (_route, _ledger, _pending) = (route, ledger, pending);
        _router = new RecordRouter(route.Dialect, route.KeyField, route.Hasher!, shards);
        _partOfShard = new Part?[shards.Shards.Count];
        _parts = shards.Shards.Select((shard, index) => (shard, index)).Where(s => pending?.Holds(s.shard) is not true)
            .GroupBy(s => route.AddressOf(s.shard)).Select((node, number) => new Part(node.Key, node.Select(s => s.shard).ToArray(), IsOf)).ToArray();
        foreach (Part part in _parts)
            foreach (ShardRange shard in part.Shards) _partOfShard[IndexOf(shards, shard)] = part;
        var dropped = new ShardBuffer();
        _buffers = _partOfShard.Select(p => p?.Buffer ?? dropped).ToArray();
        _cancel = stop.Register(() => _cancelling = Task.WhenAll(_parts.Select(p => p.CancelAsync(route)).ToList()));
    }

    /// <param name="pending">The batch that an earlier run left in parts, or null for a new one.</param>
    public static async Task<WorkerBatch> BeginAsync(ShardRoute route, ImportLedger ledger, PendingBatch? pending, CancellationToken stop)
    {
        var batch = new WorkerBatch(route, ledger, pending, await route.ReadAsync(ledger.Session, stop), stop);
        try
        {
            await Task.WhenAll(batch._parts.Select(p => p.OpenAsync(route, stop)));
            return batch;
        }
        catch
        {
            await batch.DisposeAsync();
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
        await Task.WhenAll(_parts.Where(p => p.HasRows).Select(p => p.CommitAsync(row, _ledger.Attempt, stop)));
        await _ledger.WriteAsync(row, stop);
        await PendingBatch.ForgetAsync(_ledger.Session, row.ImportId, row.Number, stop);
    }

    public async ValueTask DisposeAsync()
    {
        await _cancel.DisposeAsync();
        await _cancelling;
        foreach (Part part in _parts) await part.DisposeAsync();
    }

    private static int IndexOf(ShardMap shards, ShardRange shard) => shards.Find(shard.HashMin);

    /// <summary>Whether a record went to a part.</summary>
    private bool IsOf(Part part, RecordBlock rows, int start, int end) =>
        _router.Find(rows.Block.Span, rows.Delimiters, start, end, out int shard) == RoutingProblem.None && _partOfShard[shard] == part;

    /// <summary>The rows of one node on their way.</summary>
    private sealed class Part((string Host, int Port) node, ShardRange[] shards, Func<Part, RecordBlock, int, int, bool> isOf) : IAsyncDisposable
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
            await using (var notice = new NpgsqlCommand(route.Settings, _session)) await notice.ExecuteNonQueryAsync(stop);
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
            await PendingBatch.WriteAsync(_session!, row, attempt, shards, stop);
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

/// <summary>A batch by node of which some parts were committed and others not, as <c>woodgrove.import_part</c> tells.</summary>
/// <param name="Ranges">The hash ranges whose rows are in the table.</param>
/// <param name="Fingerprint">A hash of the source from its beginning to <paramref name="EndByte"/>.</param>
internal sealed record PendingBatch(int Number, long EndByte, string Fingerprint, IReadOnlyList<(int Min, int Max)> Ranges)
{
    /// <summary>The batch number of the row that names an import's latest run.</summary>
    private const int RunRow = -1;

    /// <summary>Whether the rows of a shard are committed. Shards may have been split since, never joined.</summary>
    public bool Holds(ShardRange shard) => Ranges.Any(r => r.Min <= shard.HashMin && shard.HashMax <= r.Max);

    /// <summary>The batch that an import left in parts, or null.</summary>
    public static async Task<PendingBatch?> FindAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        if (!await ExistsAsync(session, stop)) return null;
        await using var command = new NpgsqlCommand("""
            SELECT p.batch, p.end_byte, p.fingerprint, p.min_values, p.max_values FROM woodgrove.import_part p
            WHERE p.import_id = $1 AND p.batch >= 0 AND NOT EXISTS (SELECT FROM woodgrove.import_batch b WHERE b.import_id = p.import_id AND b.batch = p.batch)
            """, session)
        {
            Parameters = { new() { Value = importId } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        PendingBatch? found = null;
        var ranges = new List<(int, int)>();
        while (await row.ReadAsync(stop))
        {
            ranges.AddRange(row.GetFieldValue<int[]>(3).Zip(row.GetFieldValue<int[]>(4)));
            found = new PendingBatch(row.GetInt32(0), row.GetInt64(1), row.GetString(2), ranges);
        }
        return found;
    }

    /// <summary>Writes a part's row in the transaction of its rows, if this attempt is still the import's latest.</summary>
    public static async Task WriteAsync(NpgsqlConnection session, ImportBatch batch, string attempt, IReadOnlyList<ShardRange> shards, CancellationToken stop)
    {
        await using var check = new NpgsqlCommand("UPDATE woodgrove.import_part SET end_byte = end_byte WHERE import_id = $1 AND batch = $2 AND fingerprint = $3", session)
        {
            Parameters = { new() { Value = batch.ImportId }, new() { Value = RunRow }, new() { Value = attempt } },
        };
        if (await check.ExecuteNonQueryAsync(stop) == 0) throw ImportLedger.Running(batch.ImportId);
        await using var command = new NpgsqlCommand("""
            INSERT INTO woodgrove.import_part (import_id, batch, part, end_byte, fingerprint, min_values, max_values) VALUES ($1, $2, $3, $4, $5, $6, $7)
            """, session);
        foreach (object value in new object[]
        {
            batch.ImportId, batch.Number, shards.Min(s => s.HashMin), batch.EndByte, batch.Fingerprint,
            shards.Select(s => s.HashMin).ToArray(), shards.Select(s => s.HashMax).ToArray(),
        })
        {
            command.Parameters.Add(new() { Value = value });
        }
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>
    /// Makes this run the import's latest: it waits for a commit of an earlier one that is under way, and none comes
    /// after it. (A killed client's sessions may live on for a moment.)
    /// </summary>
    public static async Task TakeOverAsync(NpgsqlConnection session, Guid importId, string attempt, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            INSERT INTO woodgrove.import_part (import_id, batch, part, end_byte, fingerprint, min_values, max_values) VALUES ($1, $2, 0, 0, $3, '{}', '{}')
            ON CONFLICT (import_id, batch, part) DO UPDATE SET fingerprint = EXCLUDED.fingerprint
            """, session)
        {
            Parameters = { new() { Value = importId }, new() { Value = RunRow }, new() { Value = attempt } },
        };
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Removes the parts of a batch that the ledger holds as a whole, or all that is known of an import.</summary>
    public static async Task ForgetAsync(NpgsqlConnection session, Guid importId, int? batch, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("DELETE FROM woodgrove.import_part WHERE import_id = $1 AND ($2::int IS NULL OR batch = $2)", session)
        {
            Parameters = { new() { Value = importId }, new() { Value = (object?)batch ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Integer } },
        };
        await command.ExecuteNonQueryAsync(stop);
    }

    public static async Task<bool> ExistsAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT pg_catalog.to_regclass('woodgrove.import_part') IS NOT NULL", session);
        return await command.ExecuteScalarAsync(stop) is true;
    }

    /// <summary>True where this user can write the table: it exists, or may be created.</summary>
    public static async Task<bool> IsPossibleAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT CASE WHEN pg_catalog.to_regclass('woodgrove.import_part') IS NOT NULL
                THEN pg_catalog.has_table_privilege('woodgrove.import_part', 'INSERT, UPDATE, DELETE')
                WHEN pg_catalog.to_regnamespace('woodgrove') IS NOT NULL THEN pg_catalog.has_schema_privilege('woodgrove', 'CREATE')
                ELSE pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') END
            """, session);
        return await command.ExecuteScalarAsync(stop) is true;
    }

    /// <summary>Makes the table on first use: a reference table, so that every node can write to it in its own transaction.</summary>
    public static async Task CreateAsync(NpgsqlConnection session, CancellationToken stop)
    {
        if (await ExistsAsync(session, stop)) return;
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        await using var command = new NpgsqlCommand("""
            SELECT pg_catalog.pg_advisory_xact_lock(1464815428, 0);
            CREATE TABLE IF NOT EXISTS woodgrove.import_part (
                import_id   uuid    NOT NULL,
                batch       integer NOT NULL,
                part        integer NOT NULL,
                end_byte    bigint  NOT NULL,
                fingerprint text    NOT NULL,
                min_values  integer[] NOT NULL,
                max_values  integer[] NOT NULL,
                PRIMARY KEY (import_id, batch, part));
            SELECT pg_catalog.create_reference_table('woodgrove.import_part')
            WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = 'woodgrove.import_part'::regclass)
            """, session);
        await command.ExecuteNonQueryAsync(stop);
        await transaction.CommitAsync(stop);
    }
}
