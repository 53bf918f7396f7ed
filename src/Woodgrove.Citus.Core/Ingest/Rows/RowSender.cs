using Npgsql;
using Polly;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Ingest.Routes;

namespace Woodgrove.Citus.Ingest.Rows;

/// <summary>
/// Loads batches of rows, each in a transaction. One that a lost connection or a server's end breaks off is done again,
/// once it is known that it was not committed; one that holds rows which servers refuse is done without them.
/// </summary>
/// <param name="next">More rows for a batch that began at a time; null where it is complete.</param>
/// <param name="warn">Receives each new attempt.</param>
internal sealed class RowSender(
    CitusConnection connection, CopyTarget target, ConflictRule? rule, RowOptions options,
    Func<long, CancellationToken, Task<RowSegment?>> next, Action<string>? warn) : IAsyncDisposable
{
    private static readonly CsvSource RowSource = CsvSource.File("row");

    private readonly ResiliencePipeline _retries = Retries.After(MayPass, warn);
    private NpgsqlConnection? _session; // kept from batch to batch

    /// <summary>Rows that were inserted or updated.</summary>
    public long Loaded { get; private set; }

    /// <summary>Loads what a batch has, and what else comes before it is full or its time is over.</summary>
    /// <returns>The rows that servers refused.</returns>
    public async Task<IReadOnlyList<RefusedRow>> LoadAsync(RowBatch batch, CancellationToken stop)
    {
        long before = Loaded;
        try
        {
            // Almost always every row is good, so the first try is the cheap one.
            await CommitOnceAsync(again => FillAsync(batch, again), () => batch.Count, batch.First, stop);
            return [];
        }
        catch (RecordRefusedException refused)
        {
            var rejects = new RejectList(RowSource, target, null);
            RecordBatch rows = batch.Records();
            await LoadByHalvesAsync(rows.Bytes, rows.Bounds, rejects, stop);
            List<RefusedRow> found = rejects.TakeBatch().Select(r => r.Row).ToList();
            if (!options.StopAtRefused) return found;
            throw found.Count == 0 ? PostgresErrors.Describe(refused.Refusal, target.Table.Display)
                : RowErrors.RowRefused(target.Table, found[0], before);
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

    public static RefusedRow NullKeyRow(TableInfo table, long number) => RejectErrors.NullKeyRow(RowSource, table, number);

    /// <summary>Sends a batch, all but its commit.</summary>
    private async Task<CoordinatorBatch?> FillAsync(RowBatch batch, CancellationToken stop)
    {
        CoordinatorBatch? copy = null;
        try
        {
            for (int i = 0; i < batch.Segments.Count; i++)
            {
                RowSegment segment = batch.Segments[i];
                if (options.StopAtRefused && segment.Refused.Count > 0)
                    throw RowErrors.RowRefused(target.Table, segment.Refused[0], Loaded);
                if (segment.Bounds.Count > 0)
                {
                    copy ??= await CoordinatorBatch.BeginAsync(connection, null, target, truncate: false, null, stop, rule,
                        inBinary: segment.Tuples is not null, kept: await SessionAsync(stop));
                    await copy.WriteAsync(segment.Bytes.WrittenMemory, default, stop, segment.Tuples?.WrittenMemory ?? default);
                    segment.Tuples = null;
                }
                if (i == batch.Segments.Count - 1 && !segment.EndsBatch && await next(batch.Since, stop) is { } more)
                    batch.Segments.Add(more);
            }
            if (copy is not null) await copy.FinishAsync(stop);
            return copy;
        }
        catch
        {
            if (copy is not null) await copy.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Rejects refused rows and loads the others; where the first refused row ends the load, only finds the refused rows.
    /// A conflict with rows on a worker aborts the transaction; then each half is loaded in a transaction of its own.
    /// </summary>
    private async Task LoadByHalvesAsync(ReadOnlyMemory<byte> rows, ReadOnlyMemory<RecordBounds> bounds, RejectList rejects,
        CancellationToken stop)
    {
        var tried = new RejectList(RowSource, target, null);
        IReadOnlyList<RejectedRecord> bad = [];
        try
        {
            await CommitOnceAsync(async again =>
            {
                tried.TakeBatch(); // of an attempt before
                CoordinatorBatch copy = await CoordinatorBatch.BeginAsync(connection, null, target, truncate: false, tried, again, rule,
                    ValidationLevel.Keys);
                try
                {
                    await copy.WriteAsync(rows, bounds, again);
                    await copy.FinishAsync(again);
                    bad = tried.TakeBatch();
                    return copy;
                }
                catch
                {
                    await copy.DisposeAsync();
                    throw;
                }
            }, () => bounds.Length - bad.Count, bounds.Span[0].Line, stop, commits: !options.StopAtRefused);
            foreach (RejectedRecord record in bad) rejects.Add(record.Bytes, record.Row);
        }
        catch (RecordRefusedException refused)
        {
            if (bounds.Length == 1)
            {
                rejects.Add(rows, bounds.Span[0].Line, await ToldAsync(rows, bounds, refused.Refusal, stop), null);
                return;
            }
            int half = bounds.Length / 2, cut = bounds.Span[half - 1].End;
            await LoadByHalvesAsync(rows[..cut], bounds[..half], rejects, stop);
            RecordBounds[] rest = bounds[half..].ToArray();
            for (int i = 0; i < rest.Length; i++) rest[i] = rest[i] with { End = rest[i].End - cut };
            await LoadByHalvesAsync(rows[cut..], rest, rejects, stop);
        }
    }

    /// <summary>A row's refusal as the worker has it: Citus passes that of a COPY on without its SQLSTATE.</summary>
    private async Task<PostgresException> ToldAsync(ReadOnlyMemory<byte> row, ReadOnlyMemory<RecordBounds> bound, PostgresException refusal,
        CancellationToken stop)
    {
        if (!PostgresErrors.IsWorkerRefusal(refusal)) return refusal;
        await using var probe = new ProbeCopy(connection, target);
        return await probe.TryAsync(row, 0, bound, stop) ?? refusal;
    }

    /// <summary>Has a transaction committed once, however often a connection is lost over it.</summary>
    /// <param name="fill">Does all but the commit; null where there is nothing to commit.</param>
    /// <param name="rows">How many rows it loads, where no rule counts them.</param>
    /// <param name="first">The number of its first row.</param>
    private async Task CommitOnceAsync(Func<CancellationToken, Task<CoordinatorBatch?>> fill, Func<int> rows, long first,
        CancellationToken stop, bool commits = true)
    {
        TransactionIdentity? unknown = null; // of a commit whose answer never came
        long moved = 0;
        try
        {
            Loaded += await _retries.ExecuteAsync(async again =>
            {
                if (unknown is not null && await IsCommittedAsync(unknown, first, again)) return moved;
                unknown = null;
                await using CoordinatorBatch? copy = await fill(again);
                if (copy is null || !commits) return 0;
                moved = copy.Moved ?? rows();
                unknown = await copy.IdentifyAsync(again);
                try
                {
                    await copy.CommitAsync(null, again);
                }
                catch (PostgresException e) when (!PostgresErrors.IsTransient(e))
                {
                    unknown = null; // this is the answer: it was rolled back
                    throw;
                }
                return moved;
            }, stop);
        }
        catch (Exception e) when ((MayPass(e) || e is PostgresException) && !stop.IsCancellationRequested)
        {
            CitusException known = PostgresErrors.Describe(e, target.Table.Display);
            throw RowErrors.Interrupted(known, MayPass(e), first, Loaded, isUnknown: unknown is not null);
        }
    }

    /// <summary>A refused row is looked for; it is not sent again.</summary>
    private static bool MayPass(Exception e) => e is not RecordRefusedException && PostgresErrors.IsTransient(e);

    /// <summary>
    /// Asks the coordinator what became of a transaction; it decides for all nodes, as Citus commits every COPY in two
    /// phases.
    /// </summary>
    /// <exception cref="CitusException">The coordinator does not know: a standby has taken over, or the server was restored.</exception>
    private async Task<bool> IsCommittedAsync(TransactionIdentity unknown, long first, CancellationToken stop)
    {
        while (true)
        {
            await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
            // Behind a balanced address this may be another node, which knows nothing of the transaction.
            if (await CoordinatorFacts.IdentifierAsync(session, stop) != unknown.Server)
                throw new NpgsqlException("The address leads to another server than before.", new IOException());
            CoordinatorTimeline now = await CoordinatorTimeline.ReadAsync(session, stop);
            if (now.Id != unknown.Timeline.Id && !unknown.Timeline.IsReplicated)
                throw RowErrors.OutcomeForgotten(target.Table, first, Loaded);
            // A session whose client is gone is terminated.
            await using var command = new NpgsqlCommand("SELECT status, status = 'in progress' AND pg_catalog.pg_terminate_backend($2) "
                + "FROM pg_catalog.pg_xact_status($1::xid8) status", session)
            {
                Parameters = { new() { Value = unknown.Transaction }, new() { Value = unknown.Process } },
            };
            try
            {
                switch (await command.ExecuteScalarAsync(stop))
                {
                    case "committed": return true;
                    case "aborted": return false;
                    case "in progress": break;
                    default: throw RowErrors.OutcomeForgotten(target.Table, first, Loaded); // too old
                }
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidParameterValue)
            {
                // An id from the future, though it was on disk: the server has lost what it had written.
                throw RowErrors.OutcomeForgotten(target.Table, first, Loaded);
            }
            await Task.Delay(100, stop);
        }
    }

    private async Task<NpgsqlConnection> SessionAsync(CancellationToken stop)
    {
        if (_session is { State: not System.Data.ConnectionState.Open }) await CloseAsync();
        return _session ??= await connection.OpenSessionAsync(stop);
    }

    private async ValueTask CloseAsync()
    {
        if (_session is null) return;
        await NodeConnections.ReleaseAsync(_session);
        await _session.DisposeAsync();
        _session = null;
    }
}
