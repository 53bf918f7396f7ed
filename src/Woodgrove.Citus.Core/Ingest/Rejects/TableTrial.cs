using System.Runtime.InteropServices;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Tries a file's records against a table without loading any, by what a load uses to reject refused rows: a temporary
/// table with the columns and constraints of the real one, and the keys of the rows that the real one holds.
/// </summary>
internal sealed class TableTrial : IAsyncDisposable
{
    private const int StretchSize = 8 * 1024 * 1024;

    /// <summary>
    /// The bytes of records that stay in the temporary table, where the real one has unique keys: a key that stands twice is found
    /// however far apart. The table takes about twice as much on the coordinator's disk for the time of the trial.
    /// </summary>
    private const long MostKept = 512L * 1024 * 1024;

    /// <summary>Each refused row costs a question to the server, so that after so many the rest is not tried.</summary>
    private const long MostRefused = 10_000;

    private readonly ValidationTable _validation;
    private readonly CopyTarget _target;
    private readonly RejectList _rejects;
    private readonly BisectingCopy _bisecting;
    private readonly KeyComparison _keys;
    private readonly Action<RefusedRow> _refused;
    private readonly bool _hasKeys;
    private RecordBatch _stretch = new(StretchSize);
    private long _kept;
    private bool _hasForgotten;

    private TableTrial(CitusConnection connection, ValidationTable validation, CopyTarget target, CsvSource source,
        bool hasKeys, Action<RefusedRow> refused)
    {
        (_validation, _target, _hasKeys, _refused) = (validation, target, hasKeys, refused);
        _rejects = new RejectList(source, target, new ErrorLimit(MostRefused, null));
        _bisecting = new BisectingCopy(validation.TryAsync, _rejects, null);
        _keys = new KeyComparison(connection, validation.Session, validation, target, _rejects);
    }

    /// <summary>True where so many rows were refused that those that came after them were not tried.</summary>
    public bool IsPartial { get; private set; }

    /// <param name="refused">Told each row that a load would refuse.</param>
    public static async Task<TableTrial> OpenAsync(
        CitusConnection connection, CopyTarget target, CsvSource source, Action<RefusedRow> refused, CancellationToken stop)
    {
        ValidationTable validation = await ValidationTable.OpenAsync(connection, target, stop);
        try
        {
            await using var command = new NpgsqlCommand("SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = $1::oid AND "
                + "(indisunique OR indisexclusion))", validation.Session) { Parameters = { new() { Value = (long)target.Table.Oid } } };
            bool hasKeys = await command.ExecuteScalarAsync(stop) is true;
            if (hasKeys) await validation.IndexRowsAsync(stop);
            return new(connection, validation, target, source, hasKeys, refused);
        }
        catch
        {
            await validation.DisposeAsync();
            throw;
        }
    }

    /// <param name="start">Where the first of the records begins in the bytes.</param>
    /// <param name="bounds">The records' ends and lines.</param>
    public async Task AddAsync(ReadOnlyMemory<byte> bytes, int start, List<RecordBounds> bounds, CancellationToken stop)
    {
        if (IsPartial || bounds.Count == 0) return;
        _stretch.AddAll(bytes.Span, start, CollectionsMarshal.AsSpan(bounds));
        if (_stretch.Bytes.Length >= StretchSize) await FlushAsync(stop);
    }

    /// <summary>Tries what is gathered.</summary>
    public async Task FlushAsync(CancellationToken stop)
    {
        if (_stretch.IsEmpty) return;
        _stretch.EndLast();
        bool adds = _hasKeys && _kept is > 0 and < MostKept;
        _hasForgotten |= _kept >= MostKept;
        _kept = (adds ? _kept : 0) + _stretch.Bytes.Length;
        try
        {
            await _keys.FilterAsync(await _validation.FilterAsync(_stretch, _bisecting, stop, adds), stop);
        }
        catch (CitusException) when (_rejects.IsFull)
        {
            IsPartial = true;
        }
        _stretch = new RecordBatch(IsPartial ? 1 : StretchSize);
        IReadOnlyList<RejectedRecord> rejected = _rejects.TakeBatch();
        if (_hasKeys) await _validation.RemoveAsync(rejected.Select(r => r.Row.Line).OfType<long>(), stop);
        foreach (RejectedRecord record in rejected) _refused(record.Row);
    }

    /// <summary>What of the table only a load can tell.</summary>
    public async Task<IReadOnlyList<string>> UncheckedAsync(CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT format('what the trigger %I does', tgname) FROM pg_catalog.pg_trigger
            WHERE tgrelid = $1::oid AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 4 > 0
            UNION ALL
            SELECT format('the unique index %I, which has a condition or an expression, against rows of the table', c.relname)
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = $1::oid AND i.indisunique AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL)
            UNION ALL
            SELECT format('the foreign key %I to the table itself', conname) FROM pg_catalog.pg_constraint
            WHERE conrelid = $1::oid AND contype = 'f' AND confrelid = conrelid
            UNION ALL
            SELECT 'keys that stand twice in the file, in different parts of 512 MB each' WHERE $2
            """, _validation.Session) { Parameters = { new() { Value = (long)_target.Table.Oid }, new() { Value = _hasKeys && _hasForgotten } } };
        var found = new List<string>();
        await using NpgsqlDataReader rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop)) found.Add(rows.GetString(0));
        return found;
    }

    public ValueTask DisposeAsync() => _validation.DisposeAsync();
}
