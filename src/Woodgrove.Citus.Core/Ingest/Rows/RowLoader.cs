using System.Diagnostics;
using System.Threading.Channels;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Rows;

/// <summary>
/// Sends single rows in batches, each one COPY and one transaction, which is sent while it still fills: it ends when
/// it is full, or when its first row has waited for the flush interval.
/// </summary>
public sealed class RowLoader
{
    private const long MostWaiting = 16 * 1024 * 1024;    // bytes that wait to be sent
    private const long LargestBatch = 64 * 1024 * 1024;   // bytes that are kept until their batch is committed
    private const long LongForBinary = 1024 * 1024;       // a row's second form would cost more memory than it saves work

    private readonly CitusConnection _connection;
    private readonly CopyTarget _target;
    private readonly RowEncoder _encoder;
    private readonly RowOptions _options;
    private readonly ConflictRule? _rule;
    private readonly int? _key;
    private readonly Channel<RowSegment> _full = Channel.CreateBounded<RowSegment>(64);
    private readonly object _gate = new();
    private RowSegment _open;
    private int _inBatch; // rows since the last one that was full
    private long _bytesInBatch, _bytesWaiting;
    private long _added;

    private RowLoader(CitusConnection connection, TableInfo table, IReadOnlyList<TableColumn> columns, RowOptions options,
        ConflictRule? rule)
    {
        (_connection, _options, _rule) = (connection, options, rule);
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
        try
        {
            connection = await connection.AtCoordinatorAsync(stop);
        }
        catch (CitusException e) when (e.Kind == CitusErrorKind.ConnectionError)
        {
            // Any node takes rows. Only what became of a commit whose answer was lost is then not always found out.
        }
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        TableInfo target = await TableCatalog.FindAsync(connection, session, table, stop);
        var columns = new List<TableColumn>();
        foreach (string name in names)
        {
            TableColumn column = target.FindColumn(name) ?? throw RowErrors.UnknownProperty(target, name);
            if (column.IsGenerated) throw RowErrors.GeneratedColumn(target, name, column);
            columns.Add(column);
        }
        if (target.DistributionColumn is { } key && columns.All(c => c.Name != key))
        {
            if (!target.FillsDistributionColumn) throw RowErrors.NoDistributionValue(target, key);
            if (options.OnConflict != ConflictAction.Error) throw MergeErrors.KeyLeftOut(target, key);
        }
        ConflictRule? rule = options.OnConflict == ConflictAction.Error ? null
            : await ConflictRule.FindAsync(session, target, options.OnConflict, options.KeyColumns, stop);
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
                _open.Refused.Add(RowSender.NullKeyRow(_target.Table, _added));
                return true;
            }
            long length = RowEncoder.LengthOf(values);
            if (length > _options.MaxRowBytes)
            {
                _open.Refused.Add(new RefusedRow("row", _added, null, null, "54000",
                    RowErrors.TooLong(_options.MaxRowBytes)));
                return true;
            }
            if (length > LongForBinary)
            {
                _open.Tuples = null;
                _open.Bytes.GetSpan((int)length + 4096); // at once: growing step by step would take it several times
            }
            int before = _open.Bytes.WrittenCount;
            try
            {
                if (!_encoder.Write(values, _open.Bytes, _open.Tuples)) _open.Tuples = null;
            }
            catch (UnwrittenValueException e)
            {
                _open.Refused.Add(new RefusedRow("row", _added, e.Column, null, PostgresErrorCodes.InvalidTextRepresentation, e.Message));
                return true;
            }
            _open.Bounds.Add(new RecordBounds(_open.Bytes.WrittenCount, _added));
            _bytesInBatch += _open.Bytes.WrittenCount - before;
            _open.EndsBatch = ++_inBatch == _options.BatchSize || _bytesInBatch >= LargestBatch;
            if (_open.EndsBatch) (_inBatch, _bytesInBatch) = (0, 0);
            if (_open.IsFull) Seal();
            return true;
        }
    }

    /// <summary>Counts a row that can't be sent as one that was rejected.</summary>
    /// <returns>False where much still waits to be sent, as for <see cref="TryAdd"/>.</returns>
    public bool TryReject(string reason)
    {
        lock (_gate)
        {
            if (_open.IsFull && !Seal()) return false;
            _added++;
            _open.Refused.Add(new RefusedRow(_target.Table.Display, _added, null, null, PostgresErrorCodes.InvalidParameterValue, reason));
            return true;
        }
    }

    /// <summary>Says that no more rows come.</summary>
    public void Complete() => _full.Writer.TryComplete();

    /// <summary>Sends batches until the rows end.</summary>
    /// <param name="refused">Receives each refused row; its line is the row's number, from 1.</param>
    /// <param name="warn">Receives each new attempt after a break.</param>
    public async Task<AddRowResult> RunAsync(Func<RefusedRow, ValueTask> refused, Action<string>? warn, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        (long rejected, long batches, long conflicts) = (0, 0, 0);
        await using var sender = new RowSender(_connection, _target, _rule, _options, (since, token) => NextAsync(since, token), warn);
        while (await NextAsync(null, stop) is { } segment)
        {
            var batch = new RowBatch(segment);
            long before = sender.Loaded;
            IReadOnlyList<RefusedRow> bad = await sender.LoadAsync(batch, stop);
            foreach (RefusedRow row in bad.Concat(batch.NullKeys).OrderBy(r => r.Line)) await refused(row);
            conflicts += batch.Count - bad.Count - (sender.Loaded - before);
            rejected += bad.Count + batch.NullKeys.Count();
            batches++;
        }
        return new AddRowResult(_target.Table.Display, sender.Loaded, rejected, batches, clock.Elapsed,
            sender.Loaded / Math.Max(clock.Elapsed.TotalSeconds, 1e-9)) { Conflicts = conflicts };
    }

    private RowSegment NewSegment() => new(_encoder.HasBinary);

    private bool Seal()
    {
        if (Volatile.Read(ref _bytesWaiting) >= MostWaiting || !_full.Writer.TryWrite(_open)) return false;
        Interlocked.Add(ref _bytesWaiting, _open.Bytes.WrittenCount);
        _open = NewSegment();
        return true;
    }

    private RowSegment? TakeFull()
    {
        if (!_full.Reader.TryRead(out RowSegment? full)) return null;
        Interlocked.Add(ref _bytesWaiting, -full.Bytes.WrittenCount);
        return full;
    }

    /// <summary>The next full segment, or what there is when the flush interval is over or the rows have ended.</summary>
    /// <param name="since">When the batch that it goes into began; null where none has.</param>
    /// <returns>Null when the rows have ended, or a batch has.</returns>
    private async Task<RowSegment?> NextAsync(long? since, CancellationToken stop)
    {
        while (true)
        {
            if (since is not null && Stopwatch.GetElapsedTime(since.Value) >= _options.FlushInterval) return null;
            if (TakeFull() is { } taken) return taken;
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
                if (TakeFull() is { } late) return late;
                if (!_open.IsEmpty)
                {
                    RowSegment full = _open;
                    full.EndsBatch = true;
                    _open = NewSegment();
                    return full;
                }
            }
            if (ended || since is not null) return null;
        }
    }
}
