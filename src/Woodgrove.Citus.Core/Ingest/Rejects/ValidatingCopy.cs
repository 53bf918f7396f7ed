using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Copies into a Citus table and rejects the refused records. A refused COPY is expensive, because it rolls back the work
/// of all nodes; a worker's refusal names no line and breaks the session. So records are sent in large stretches, and when
/// one is refused, its records are validated on the coordinator first, at rising levels of <see cref="ValidationLevel"/>.
/// </summary>
internal sealed class ValidatingCopy : IRecordCopy
{
    private const int StretchSize = 8 * 1024 * 1024;

    private readonly CitusConnection _connection;
    private readonly ValidationTable _validation;
    private readonly CopyTarget _target;
    private readonly RejectList _rejects;
    private readonly SavepointCopy _copy;
    private readonly BisectingCopy _bisecting;
    private readonly DoubtfulRecords _doubtfulRecords;
    private readonly KeyComparison _keys;
    private RecordBatch _stretch = new(StretchSize);
    private ValidationLevel _level; // at which the next stretch starts, because the one before needed it

    private ValidatingCopy(CitusConnection connection, NpgsqlConnection session, ValidationTable validation, CopyTarget target,
        RejectList rejects, ValidationLevel level)
    {
        (_connection, _validation, _target, _rejects, _level) = (connection, validation, target, rejects, level);
        _copy = new SavepointCopy(session, target.CopyInto(target.Table.Name.Sql));
        _bisecting = new BisectingCopy(validation.TryAsync, rejects, null);
        _doubtfulRecords = new DoubtfulRecords(target);
        _keys = new KeyComparison(connection, session, validation, target, rejects);
    }

    /// <param name="session">The load's, in its transaction, which holds no lock yet.</param>
    /// <param name="level">The first level; <see cref="ValidationLevel.Keys"/> stays.</param>
    public static async Task<ValidatingCopy> OpenAsync(CitusConnection connection, NpgsqlConnection session, CopyTarget target,
        RejectList rejects, ValidationLevel level, CancellationToken stop) =>
        new(connection, session, await ValidationTable.OpenAsync(connection, target, stop), target, rejects, level);

    public async Task WriteAsync(ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> bounds, CancellationToken stop,
        ReadOnlyMemory<byte> tuples = default)
    {
        if (bounds.IsEmpty) return;
        _stretch.AddAll(records.Span, 0, bounds.Span);
        // A file's last record may lack its line end, and others may be appended to it.
        _stretch.EndLast();
        if (_stretch.Bytes.Length >= StretchSize) await FinishAsync(stop);
    }

    /// <summary>Loads the gathered records.</summary>
    public async Task FinishAsync(CancellationToken stop)
    {
        RecordBatch records = _stretch;
        _stretch = new RecordBatch(StretchSize);
        for (ValidationLevel level = _level; !records.IsEmpty; level++)
        {
            int before = records.Bounds.Length;
            records = level switch
            {
                ValidationLevel.None => records,
                ValidationLevel.Doubtful => await FilterDoubtfulAsync(records, stop),
                ValidationLevel.All => await _validation.FilterAsync(records, _bisecting, stop),
                ValidationLevel.Keys => await _keys.FilterAsync(await _validation.FilterAsync(records, _bisecting, stop), stop),
                _ => await ProbeAsync(await _keys.FilterAsync(await _validation.FilterAsync(records, _bisecting, stop), stop), stop),
            };
            if (records.Bounds.Length < before) _level = level;
            else if (level == _level && level == ValidationLevel.All) _level--; // it was not needed this time
            if (records.IsEmpty || await TryAsync(records, stop) is not { } refusal) return;
            if (level >= ValidationLevel.Keys) throw new RecordRefusedException(refusal, null);
        }
    }

    public ValueTask DisposeAsync() => _validation.DisposeAsync();

    private async Task<PostgresException?> TryAsync(RecordBatch records, CancellationToken stop)
    {
        try
        {
            return await _copy.TryAsync(records.Bytes, 0, records.Bounds, stop);
        }
        catch (PostgresException refusal) when (PostgresErrors.IsWorkerRefusal(refusal) && !stop.IsCancellationRequested)
        {
            throw new RecordRefusedException(refusal, null);
        }
    }

    /// <summary>Rejects the records that a worker refuses.</summary>
    private async Task<RecordBatch> ProbeAsync(RecordBatch records, CancellationToken stop)
    {
        var good = new RecordBatch(records.Bytes.Length);
        await using var probe = new ProbeCopy(_connection, _target);
        var copy = new BisectingCopy(async (bytes, start, bounds, token) =>
        {
            if (await probe.TryAsync(bytes, start, bounds, token) is { } refusal) return refusal;
            good.AddAll(bytes.Span, start, bounds.Span);
            return null;
        }, _rejects, null);
        await copy.LoadAsync(records.Bytes, records.Bounds, stop);
        return good;
    }

    private async Task<RecordBatch> FilterDoubtfulAsync(RecordBatch records, CancellationToken stop)
    {
        (RecordBatch plain, RecordBatch doubtful) = _doubtfulRecords.Part(records.Bytes.Span, records.Bounds);
        if (doubtful.IsEmpty) return plain;
        RecordBatch good = await _validation.FilterAsync(doubtful, _bisecting, stop);
        if (!good.IsEmpty) plain.AddAll(good.Bytes.Span, 0, good.Bounds);
        return plain;
    }
}
