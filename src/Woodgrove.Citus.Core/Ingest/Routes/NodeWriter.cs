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
/// Writes a batch's records to one server: the session, its transaction and its COPY. Records that were gathered in the
/// buffer are sent while the next are gathered.
/// </summary>
internal sealed class NodeWriter : INodePart, IAsyncDisposable
{
    private readonly WriterOptions _options;
    private readonly IRecordCopy _copy;
    private ShardBuffer? _buffer; // none where records are written as they come
    private Task _sending = Task.CompletedTask;
    private PreparedPart? _prepared;
    private bool _hasEnded; // the transaction, by a commit or a rollback
    private bool _isCopyDisposed;

    private NodeWriter(NpgsqlConnection session, IRecordCopy copy, WriterOptions options)
    {
        (Session, _copy, _options) = (session, copy, options);
        ProcessId = session.ProcessID;
    }

    public NpgsqlConnection Session { get; }
    public ShardBuffer Buffer => _buffer ??= new ShardBuffer(_options.KeepsLines);
    public int ProcessId { get; }
    public string Node => _options.Node;
    public Func<CancellationToken, Task<NpgsqlConnection>> Reopen => _options.Reopen;
    public IReadOnlyList<ShardRange> Shards => _options.Shards;
    public bool HasWork => _options.AlwaysCommits || _buffer?.HasRows is true;

    /// <param name="begin">Begins the transaction, takes its locks and opens the COPY.</param>
    public static async Task<NodeWriter> BeginAsync(NpgsqlConnection session, WriterOptions options, Func<Task<IRecordCopy>> begin)
    {
        try
        {
            return new NodeWriter(session, await begin(), options);
        }
        catch (Exception e)
        {
            if (options.OwnsSession) await session.DisposeAsync(); // and its transaction with it
            else await TryExecuteAsync(session, "ROLLBACK");
            if (e is PostgresException server) ThrowIfMissing(server, options);
            throw;
        }
    }

    /// <inheritdoc cref="IRecordCopy.WriteAsync"/>
    public Task WriteAsync(ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> bounds, CancellationToken stop,
        ReadOnlyMemory<byte> tuples = default) => AskAsync(() => _copy.WriteAsync(records, bounds, stop, tuples), stop);

    /// <summary>Sends what the buffer holds, once what was sent before has gone.</summary>
    public async Task FlushAsync(CancellationToken stop)
    {
        await AskAsync(() => _sending, stop);
        (ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> bounds) = Buffer.Take();
        if (records.IsEmpty) return;
        _sending = _options.IsBinary ? _copy.WriteAsync(default, default, stop, records) : _copy.WriteAsync(records, bounds, stop);
    }

    /// <summary>Ends the COPY; after it the server has refused what it will.</summary>
    public Task FinishAsync(CancellationToken stop) => AskAsync(async () =>
    {
        if (_buffer is not null) await FlushAsync(stop);
        await _sending;
        await _copy.FinishAsync(stop);
    }, stop);

    /// <summary>Does what the server may refuse.</summary>
    public async Task AskAsync(Func<Task> ask, CancellationToken stop)
    {
        try
        {
            await ask();
        }
        catch (PostgresException refusal)
            when (_options.IsRefusal(refusal) && !PostgresErrors.IsAboutCommand(refusal) && !stop.IsCancellationRequested)
        {
            throw new RecordRefusedException(refusal, _options.Shard, _options.WasSent);
        }
        catch (PostgresException e)
        {
            ThrowIfMissing(e, _options);
            throw;
        }
    }

    /// <summary>The table of the shard is not there: its COPY was not begun, so the error has no context.</summary>
    private static void ThrowIfMissing(PostgresException error, WriterOptions options)
    {
        if (options.Shard is { } shard && error is
            { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName, Where: null or "" })
            throw CatalogErrors.NoShardTable(shard, options.Node, error);
    }

    public Task RecordAsync(ImportBatch row, string attempt, CancellationToken stop) =>
        PartialBatch.WriteAsync(Session, row, attempt, Shards, stop);

    public async Task CommitAsync(CancellationToken stop)
    {
        await Session.ExecuteAsync("COMMIT", stop);
        _hasEnded = true;
    }

    public Task PrepareAsync(PreparedName name, CancellationToken stop)
    {
        _prepared = new PreparedPart(Session, name, Node, Reopen);
        return _prepared.PrepareAsync(stop);
    }

    public async Task CommitPreparedAsync(TimeSpan patience)
    {
        await _prepared!.EndAsync(commit: true, patience);
        _hasEnded = true;
    }

    public async Task RollbackAsync(bool endPrepared)
    {
        if (_hasEnded) return;
        _hasEnded = true;
        try
        {
            await _sending; // a session does one thing at a time
        }
        catch (Exception e) when (e is NpgsqlException or IOException or CitusException or OperationCanceledException)
        {
            // Why the load ends; whoever ends it knows.
        }
        await DisposeCopyAsync();
        if (_prepared is null) await TryExecuteAsync(Session, "ROLLBACK");
        else if (endPrepared) await TryEndPreparedAsync(_prepared);
    }

    /// <summary>Ends the session, if it is the writer's own; the transaction has ended before, or ends with it.</summary>
    public async ValueTask DisposeAsync()
    {
        await DisposeCopyAsync();
        if (_options.OwnsSession) await Session.DisposeAsync();
    }

    private async ValueTask DisposeCopyAsync()
    {
        if (_isCopyDisposed) return;
        _isCopyDisposed = true;
        await _copy.DisposeAsync();
    }

    private static async Task TryEndPreparedAsync(PreparedPart prepared)
    {
        try
        {
            await prepared.EndAsync(commit: false, TimeSpan.Zero);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or InvalidOperationException)
        {
            // The next load's recovery rolls it back.
        }
    }

    private static async Task TryExecuteAsync(NpgsqlConnection session, string sql)
    {
        try
        {
            await session.ExecuteAsync(sql, CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or InvalidOperationException)
        {
            // The session is gone, and its transaction with it.
        }
    }
}
