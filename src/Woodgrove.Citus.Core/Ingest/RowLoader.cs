using System.Buffers;
using System.Diagnostics;
using System.Threading.Channels;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>
/// Sends single rows in batches, each one COPY and one transaction, which is sent while it still fills: it ends when
/// it is full, or when its first row has waited for the flush interval.
/// </summary>
public sealed class RowLoader
{
    private readonly CitusConnection _connection;
    private readonly TableInfo _table;
    private readonly CopyTarget _target;
    private readonly RowEncoder _encoder;
    private readonly RowOptions _options;
    private readonly ConflictRule? _rule;
    private readonly int? _key;
    private readonly Channel<RowSegment> _full = Channel.CreateBounded<RowSegment>(64);
    private readonly object _gate = new();
    private RowSegment _open;
    private NpgsqlConnection? _session; // kept from batch to batch
    private int _inBatch; // rows since the last one that was full
    private long _added;

    private RowLoader(CitusConnection connection, TableInfo table, IReadOnlyList<TableColumn> columns, RowOptions options, ConflictRule? rule)
    {
        (_connection, _table, _options, _rule) = (connection, table, options, rule);
        _target = new CopyTarget(table, columns, new CsvDialect { HasHeader = false });
        _encoder = new RowEncoder(columns);
        _open = NewSegment();
        int key = table.DistributionColumn is null ? -1 : columns.Select(c => c.Name).ToList().IndexOf(table.DistributionColumn);
        _key = key < 0 ? null : key;
    }

    /// <param name="names">The names of the values that the rows have, in their order.</param>
    /// <exception cref="CitusException">A name is no column of the table, or the distribution column is not among them.</exception>
    public static async Task<RowLoader> OpenAsync(
        CitusConnection connection, TableName table, IReadOnlyList<string> names, RowOptions options, CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        TableInfo target = await TableCatalog.FindAsync(connection, session, table, stop);
        var columns = new List<TableColumn>();
        foreach (string name in names)
        {
            columns.Add(target.FindColumn(name) ?? throw new CitusException("CitusUnknownColumn", CitusErrorKind.InvalidData,
                $"The rows have a property '{name}', which is no column of {target.Display}. Nothing was sent.",
                $"Its columns are {string.Join(", ", target.Columns.Select(c => c.Name))}; Select-Object leaves out what does not belong.") { Target = target.Display });
        }
        if (target.DistributionColumn is { } key && columns.All(c => c.Name != key))
        {
            throw new CitusException("CitusDistributionColumnMissing", CitusErrorKind.InvalidData,
                $"The rows have no property '{key}', by which {target.Display} is distributed, so no row's shard could be known. Nothing was sent.",
                "Add the property.") { Target = target.Display };
        }
        ConflictRule? rule = options.OnConflict == ConflictAction.Error ? null : await ConflictRule.FindAsync(session, target, options.OnConflict, options.KeyColumns, stop);
        return new RowLoader(connection, target, columns, options, rule);
    }

    /// <summary>Takes a row.</summary>
    /// <returns>False where much still waits to be sent: then the row was not taken, and the sender is to try again.</returns>
    public bool TryAdd(IReadOnlyList<object?> values)
    {
        lock (_gate)
        {
            if (_open.IsFull && !Seal()) return false;
            _added++;
            if (_key is { } key && _encoder.IsNull(values[key], key))
            {
                // The server would refuse the whole batch for it.
                _open.Refused.Add(RefusedRowFinder.NullKeyRow(RowSource, _table, _added));
                return true;
            }
            if (!_encoder.Write(values, _open.Bytes, _open.Tuples)) _open.Tuples = null;
            _open.Marks.Add(new RecordMark(_open.Bytes.WrittenCount, _added));
            _open.EndsBatch = ++_inBatch == _options.BatchSize;
            if (_open.EndsBatch) _inBatch = 0;
            if (_open.IsFull) Seal();
            return true;
        }
    }

    /// <summary>Says that no more rows come.</summary>
    public void Complete() => _full.Writer.TryComplete();

    /// <summary>Sends batches until the rows end.</summary>
    /// <param name="refused">Told each refused row; its line is the row's number, from 1.</param>
    public async Task<AddRowResult> RunAsync(Func<RefusedRow, ValueTask> refused, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        (long rows, long rejected, long batches, long conflicts) = (0, 0, 0, 0);
        try
        {
            while (await NextAsync(null, stop) is { } segment)
            {
                var batch = new Batch(segment);
                (IReadOnlyList<RefusedRow> bad, long moved) = await LoadAsync(batch, rows, stop);
                foreach (RefusedRow row in bad.Concat(batch.NullKeys).OrderBy(r => r.Line)) await refused(row);
                rows += moved;
                conflicts += batch.Count - bad.Count - moved;
                rejected += bad.Count + batch.NullKeys.Count();
                batches++;
            }
        }
        finally
        {
            await CloseAsync();
        }
        return new AddRowResult(_table.Display, rows, rejected, batches, clock.Elapsed, rows / Math.Max(clock.Elapsed.TotalSeconds, 1e-9)) { Conflicts = conflicts };
    }

    private async Task<NpgsqlConnection> SessionAsync(CancellationToken stop)
    {
        if (_session is { State: not System.Data.ConnectionState.Open }) await CloseAsync();
        return _session ??= await _connection.OpenSessionAsync(stop);
    }

    private async ValueTask CloseAsync()
    {
        if (_session is null) return;
        await NodeConnections.ReleaseAsync(_session);
        await _session.DisposeAsync();
        _session = null;
    }

    private CitusException Stopped(RefusedRow row, long loaded) => new("CitusRowRefused", CitusErrorKind.InvalidData,
        $"Row {row.Line}{(row.Column is null ? "" : $", column {row.Column}")}: {row.Reason?.TrimEnd('.')}. (SQLSTATE {row.SqlState}) {loaded} rows before its batch are loaded, nothing of the batch.",
        "Mend the row, or set such rows aside with -OnError Skip.") { Target = _table.Display, SqlState = row.SqlState, Row = row with { Source = _table.Display } };

    private static CsvSource RowSource { get; } = CsvSource.File("row");

    private RowSegment NewSegment() => new(_encoder.HasBinary);

    private bool Seal()
    {
        if (!_full.Writer.TryWrite(_open)) return false;
        _open = NewSegment();
        return true;
    }

    /// <summary>The next full segment, or what there is when the flush interval is over or the rows have ended.</summary>
    /// <param name="since">When the batch that it goes into began; null where none has.</param>
    /// <returns>Null when the rows have ended, or a batch has.</returns>
    private async Task<RowSegment?> NextAsync(long? since, CancellationToken stop)
    {
        while (true)
        {
            if (since is not null && Stopwatch.GetElapsedTime(since.Value) >= _options.FlushInterval) return null;
            if (_full.Reader.TryRead(out RowSegment? full)) return full;
            using var interval = CancellationTokenSource.CreateLinkedTokenSource(stop);
            TimeSpan left = since is null ? _options.FlushInterval : _options.FlushInterval - Stopwatch.GetElapsedTime(since.Value);
            interval.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            bool ended = false;
            try
            {
                ended = !await _full.Reader.WaitToReadAsync(interval.Token);
                if (!ended) continue;
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                // The interval is over.
            }
            lock (_gate)
            {
                if (_full.Reader.TryRead(out full)) return full;
                if (!_open.IsEmpty)
                {
                    full = _open;
                    full.EndsBatch = true;
                    _open = NewSegment();
                    return full;
                }
            }
            if (ended || since is not null) return null;
        }
    }

    /// <summary>Loads a batch: what it has, and what else comes before it is full or its time is over.</summary>
    /// <param name="before">Rows loaded before it.</param>
    /// <returns>The rows that servers refused, and how many were loaded.</returns>
    private async Task<(IReadOnlyList<RefusedRow> Refused, long Moved)> LoadAsync(Batch batch, long before, CancellationToken stop)
    {
        CoordinatorBatch? copy = null;
        try
        {
            // Almost always every row is good, so the first try is the cheap one.
            for (RowSegment? segment = batch.First; segment is not null;)
            {
                if (_options.StopAtRefused && segment.Refused.Count > 0) throw Stopped(segment.Refused[0], before);
                if (segment.Marks.Count > 0)
                {
                    copy ??= await CoordinatorBatch.BeginAsync(_connection, null, _target, truncate: false, null, stop, _rule, inBinary: _encoder.HasBinary, kept: await SessionAsync(stop));
                    await copy.WriteAsync(segment.Bytes.WrittenMemory, default, stop, segment.Tuples?.WrittenMemory ?? default);
                    segment.Tuples = null;
                }
                segment = segment.EndsBatch ? null : await NextAsync(batch.Since, stop);
                if (segment is not null) batch.Segments.Add(segment);
            }
            if (copy is null) return ([], 0);
            await copy.FinishAsync(stop);
            await copy.CommitAsync(null, stop);
            return ([], copy.Moved ?? batch.Count);
        }
        catch (RecordRefusedException refused)
        {
            await copy!.DisposeAsync();
            copy = null;
            var rejects = new Rejects(RowSource, _target, null);
            MarkedRecords rows = batch.Records();
            long moved = await SiftAsync(rows.Bytes, rows.Marks, rejects, stop);
            List<RefusedRow> found = rejects.TakeBatch().Select(r => r.Row).ToList();
            if (!_options.StopAtRefused) return (found, moved);
            throw found.Count == 0 ? PostgresErrors.Describe(refused.Refusal, _table.Display) : Stopped(found[0], before);
        }
        finally
        {
            if (copy is not null) await copy.DisposeAsync();
        }
    }

    /// <summary>
    /// Sets refused rows aside and loads the others, or, where the first refused row is to end the load, only finds
    /// them. A clash with rows that a worker has ends the whole transaction: then the halves go in transactions of their own.
    /// </summary>
    private async Task<long> SiftAsync(ReadOnlyMemory<byte> rows, ReadOnlyMemory<RecordMark> marks, Rejects rejects, CancellationToken stop)
    {
        var tried = new Rejects(RowSource, _target, null);
        try
        {
            long moved = await CopyAsync(rows, marks, tried, stop);
            IReadOnlyList<RejectedRecord> bad = tried.TakeBatch();
            foreach (RejectedRecord record in bad) rejects.Add(record.Bytes, record.Row);
            return _rule is null ? moved - bad.Count : moved;
        }
        catch (RecordRefusedException refused)
        {
            if (marks.Length == 1)
            {
                rejects.Add(rows, marks.Span[0].Line, refused.Refusal, null);
                return 0;
            }
            int half = marks.Length / 2, cut = marks.Span[half - 1].End;
            long moved = await SiftAsync(rows[..cut], marks[..half], rejects, stop);
            RecordMark[] rest = marks[half..].ToArray();
            for (int i = 0; i < rest.Length; i++) rest[i] = rest[i] with { End = rest[i].End - cut };
            return moved + await SiftAsync(rows[cut..], rest, rejects, stop);
        }
    }

    /// <returns>How many rows went in, those that were set aside included where no rule counts them.</returns>
    private async Task<long> CopyAsync(ReadOnlyMemory<byte> rows, ReadOnlyMemory<RecordMark> marks, Rejects rejects, CancellationToken stop)
    {
        await using CoordinatorBatch copy = await CoordinatorBatch.BeginAsync(_connection, null, _target, truncate: false, rejects, stop, _rule, Care.Keys);
        await copy.WriteAsync(rows, marks, stop);
        await copy.FinishAsync(stop);
        if (!_options.StopAtRefused) await copy.CommitAsync(null, stop);
        return copy.Moved ?? marks.Length;
    }

    /// <summary>The rows of a transaction, kept until it is committed.</summary>
    private sealed class Batch(RowSegment first)
    {
        public RowSegment First => first;
        public List<RowSegment> Segments { get; } = [first];

        /// <summary>When its first rows were sent; where much waits, they came long before.</summary>
        public long Since { get; } = Stopwatch.GetTimestamp();

        public IEnumerable<RefusedRow> NullKeys => Segments.SelectMany(s => s.Refused);
        public int Count => Segments.Sum(s => s.Marks.Count);

        public MarkedRecords Records()
        {
            var records = new MarkedRecords(Segments.Sum(s => s.Bytes.WrittenCount) + 1);
            foreach (RowSegment segment in Segments.Where(s => s.Marks.Count > 0))
                records.AddAll(segment.Bytes.WrittenSpan, 0, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(segment.Marks));
            return records;
        }
    }
}
