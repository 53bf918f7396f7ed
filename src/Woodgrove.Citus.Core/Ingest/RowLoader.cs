using System.Buffers;
using System.Diagnostics;
using System.Threading.Channels;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>What a stream of rows came to.</summary>
/// <param name="Rejected">Rows that the server, or the check before it, refused.</param>
/// <param name="Batches">Transactions that the rows went in.</param>
public sealed record AddRowResult(string Table, long Rows, long Rejected, long Batches, TimeSpan Duration, double RowsPerSecond);

/// <summary>
/// Gathers single rows into batches, each one COPY and one transaction: when a batch is full, or when its first
/// row has waited for the flush interval.
/// </summary>
public sealed class RowLoader
{
    private readonly CitusConnection _connection;
    private readonly TableInfo _table;
    private readonly CopyTarget _target;
    private readonly RowEncoder _encoder;
    private readonly int _batchSize;
    private readonly TimeSpan _flushInterval;
    private readonly int? _key;
    private readonly Channel<Batch> _full = Channel.CreateBounded<Batch>(1);
    private readonly object _gate = new();
    private Batch _open = new();
    private long _added;

    private RowLoader(CitusConnection connection, TableInfo table, IReadOnlyList<TableColumn> columns, int batchSize, TimeSpan flushInterval)
    {
        (_connection, _table, _batchSize, _flushInterval) = (connection, table, batchSize, flushInterval);
        _target = new CopyTarget(table, columns, new CsvDialect { HasHeader = false });
        _encoder = new RowEncoder(columns);
        int key = table.DistributionColumn is null ? -1 : columns.Select(c => c.Name).ToList().IndexOf(table.DistributionColumn);
        _key = key < 0 ? null : key;
    }

    /// <param name="names">The names of the values that the rows have, in their order.</param>
    /// <exception cref="CitusException">A name is no column of the table, or the distribution column is not among them.</exception>
    public static async Task<RowLoader> OpenAsync(
        CitusConnection connection, TableName table, IReadOnlyList<string> names, int batchSize, TimeSpan flushInterval, CancellationToken stop)
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
        return new RowLoader(connection, target, columns, batchSize, flushInterval);
    }

    /// <summary>Takes a row.</summary>
    /// <returns>False where a full batch still waits to be sent: then the row was not taken, and the sender is to try again.</returns>
    public bool TryAdd(IReadOnlyList<object?> values)
    {
        lock (_gate)
        {
            if (_open.Marks.Count >= _batchSize && !Seal()) return false;
            _added++;
            if (_key is { } key && values[key] is null or DBNull or "")
            {
                // The server would refuse the whole batch for it.
                _open.Refused.Add(RefusedRowFinder.NullKeyRow(RowSource, _table, _added));
                return true;
            }
            _encoder.Write(values, _open.Bytes);
            _open.Marks.Add(new RecordMark(_open.Bytes.WrittenCount, _added));
            if (_open.Marks.Count == _batchSize) Seal();
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
        (long rows, long rejected, long batches) = (0, 0, 0);
        while (await NextAsync(stop) is { } batch)
        {
            IReadOnlyList<RefusedRow> bad = await LoadAsync(batch, stop);
            foreach (RefusedRow row in bad.Concat(batch.Refused).OrderBy(r => r.Line)) await refused(row);
            rows += batch.Marks.Count - bad.Count;
            rejected += bad.Count + batch.Refused.Count;
            batches++;
        }
        return new AddRowResult(_table.Display, rows, rejected, batches, clock.Elapsed, rows / Math.Max(clock.Elapsed.TotalSeconds, 1e-9));
    }

    private static CsvSource RowSource { get; } = CsvSource.File("row");

    private bool Seal()
    {
        if (!_full.Writer.TryWrite(_open)) return false;
        _open = new Batch();
        return true;
    }

    /// <summary>The next full batch, or what there is when the interval is over or the rows have ended.</summary>
    private async Task<Batch?> NextAsync(CancellationToken stop)
    {
        while (true)
        {
            if (_full.Reader.TryRead(out Batch? full)) return full;
            using var interval = CancellationTokenSource.CreateLinkedTokenSource(stop);
            interval.CancelAfter(_flushInterval);
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
                    _open = new Batch();
                    return full;
                }
            }
            if (ended) return null;
        }
    }

    private async Task<IReadOnlyList<RefusedRow>> LoadAsync(Batch batch, CancellationToken stop)
    {
        if (batch.Marks.Count == 0) return [];
        ReadOnlyMemory<byte> rows = batch.Bytes.WrittenMemory;
        RecordMark[] marks = [.. batch.Marks];
        try
        {
            // Almost always every row is good, so the first try is the cheap one.
            await CopyAsync(rows, marks, null, stop);
            return [];
        }
        catch (RecordRefusedException)
        {
            var rejects = new Rejects(RowSource, _target, null);
            await SiftAsync(rows, marks, rejects, stop);
            return rejects.TakeBatch().Select(r => r.Row).ToList();
        }
    }

    /// <summary>
    /// Sets refused rows aside and loads the others. A clash with rows that a worker has ends the whole transaction:
    /// then the halves go in transactions of their own.
    /// </summary>
    private async Task SiftAsync(ReadOnlyMemory<byte> rows, ReadOnlyMemory<RecordMark> marks, Rejects rejects, CancellationToken stop)
    {
        var tried = new Rejects(RowSource, _target, null);
        try
        {
            await CopyAsync(rows, marks, tried, stop);
            foreach (RejectedRecord bad in tried.TakeBatch()) rejects.Add(bad.Bytes, bad.Row);
        }
        catch (RecordRefusedException refused)
        {
            if (marks.Length == 1)
            {
                rejects.Add(rows, marks.Span[0].Line, refused.Refusal, null);
                return;
            }
            int half = marks.Length / 2, cut = marks.Span[half - 1].End;
            await SiftAsync(rows[..cut], marks[..half], rejects, stop);
            RecordMark[] rest = marks[half..].ToArray();
            for (int i = 0; i < rest.Length; i++) rest[i] = rest[i] with { End = rest[i].End - cut };
            await SiftAsync(rows[cut..], rest, rejects, stop);
        }
    }

    private async Task CopyAsync(ReadOnlyMemory<byte> rows, ReadOnlyMemory<RecordMark> marks, Rejects? rejects, CancellationToken stop)
    {
        await using CoordinatorBatch copy = await CoordinatorBatch.BeginAsync(_connection, null, _target, truncate: false, rejects, stop);
        await copy.WriteAsync(rows, marks, stop);
        await copy.FinishAsync(stop);
        await copy.CommitAsync(null, stop);
    }

    private sealed class Batch
    {
        public ArrayBufferWriter<byte> Bytes { get; } = new(64 * 1024);
        public List<RecordMark> Marks { get; } = [];
        public List<RefusedRow> Refused { get; } = [];
        public bool IsEmpty => Marks.Count == 0 && Refused.Count == 0;
    }
}
