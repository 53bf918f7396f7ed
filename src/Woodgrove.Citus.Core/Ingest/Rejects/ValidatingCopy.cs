using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Copies into a table of Citus and sets refused records aside. A refusal of such a COPY is dear, as it undoes what
/// all nodes did; one by a worker names no line, and breaks the session. So records go in long stretches, and where
/// one is refused, records are tried on the coordinator first: the doubtful ones, or all, or all with their keys.
/// </summary>
internal sealed class ValidatingCopy : IRecordCopy
{
    private const int StretchSize = 8 * 1024 * 1024;

    private readonly CitusConnection _connection;
    private readonly ValidationTable _rehearsal;
    private readonly CopyTarget _target;
    private readonly RejectList _rejects;
    private readonly SavepointCopy _copy;
    private readonly BisectingCopy _sift;
    private readonly DoubtfulRecords _sieve;
    private readonly KeyComparison _keys;
    private RecordBatch _stretch = new(StretchSize);
    private ValidationLevel _care; // that the next stretch is given, because the one before needed it

    private ValidatingCopy(CitusConnection connection, NpgsqlConnection session, ValidationTable rehearsal, CopyTarget target,
        RejectList rejects, ValidationLevel care)
    {
        (_connection, _rehearsal, _target, _rejects, _care) = (connection, rehearsal, target, rejects, care);
        _copy = new SavepointCopy(session, target.CopyInto(target.Table.Name.Sql));
        _sift = new BisectingCopy(rehearsal.TryAsync, rejects, null);
        _sieve = new DoubtfulRecords(target);
        _keys = new KeyComparison(connection, session, rehearsal, target, rejects);
    }

    /// <param name="session">The load's, in its transaction, which holds no lock yet.</param>
    /// <param name="care">To begin with; <see cref="ValidationLevel.Keys"/> stays.</param>
    public static async Task<ValidatingCopy> OpenAsync(CitusConnection connection, NpgsqlConnection session, CopyTarget target,
        RejectList rejects, ValidationLevel care, CancellationToken stop) =>
        new(connection, session, await ValidationTable.OpenAsync(connection, target, stop), target, rejects, care);

    public async Task WriteAsync(ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> bounds, CancellationToken stop,
        ReadOnlyMemory<byte> tuples = default)
    {
        if (bounds.IsEmpty) return;
        _stretch.AddAll(records.Span, 0, bounds.Span);
        // A file's last record may lack its line end, and others may be put behind it.
        _stretch.EndLast();
        if (_stretch.Bytes.Length >= StretchSize) await FinishAsync(stop);
    }

    /// <summary>Loads what is gathered.</summary>
    public async Task FinishAsync(CancellationToken stop)
    {
        RecordBatch records = _stretch;
        _stretch = new RecordBatch(StretchSize);
        for (ValidationLevel care = _care; !records.IsEmpty; care++)
        {
            int before = records.Marks.Length;
            records = care switch
            {
                ValidationLevel.None => records,
                ValidationLevel.Doubtful => await SiftDoubtfulAsync(records, stop),
                ValidationLevel.All => await _rehearsal.SiftAsync(records, _sift, stop),
                ValidationLevel.Keys => await _keys.SiftAsync(await _rehearsal.SiftAsync(records, _sift, stop), stop),
                _ => await ProbeAsync(await _keys.SiftAsync(await _rehearsal.SiftAsync(records, _sift, stop), stop), stop),
            };
            if (records.Marks.Length < before) _care = care;
            else if (care == _care && care == ValidationLevel.All) _care--; // it was not needed this time
            if (records.IsEmpty || await TryAsync(records, stop) is not { } refusal) return;
            if (care >= ValidationLevel.Keys) throw new RecordRefusedException(refusal, null);
        }
    }

    public ValueTask DisposeAsync() => _rehearsal.DisposeAsync();

    private async Task<PostgresException?> TryAsync(RecordBatch records, CancellationToken stop)
    {
        try
        {
            return await _copy.TryAsync(records.Bytes, 0, records.Marks, stop);
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
        var copy = new BisectingCopy(async (bytes, start, marks, token) =>
        {
            if (await probe.TryAsync(bytes, start, marks, token) is { } refusal) return refusal;
            good.AddAll(bytes.Span, start, marks.Span);
            return null;
        }, _rejects, null);
        await copy.LoadAsync(records.Bytes, records.Marks, stop);
        return good;
    }

    private async Task<RecordBatch> SiftDoubtfulAsync(RecordBatch records, CancellationToken stop)
    {
        (RecordBatch plain, RecordBatch doubtful) = _sieve.Part(records.Bytes.Span, records.Marks);
        if (doubtful.IsEmpty) return plain;
        RecordBatch good = await _rehearsal.SiftAsync(doubtful, _sift, stop);
        if (!good.IsEmpty) plain.AddAll(good.Bytes.Span, 0, good.Marks);
        return plain;
    }
}
