using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>The records of a load that were refused and rejected.</summary>
internal sealed class RejectList(CsvSource source, CopyTarget target, ErrorLimit? limit)
{
    /// <summary>A percentage says nothing before so many records.</summary>
    private const long EnoughForShare = 10_000;

    private readonly object _gate = new();
    private readonly List<RejectedRecord> _batch = [];

    public CsvSource Source => source;

    /// <summary>What the records are of.</summary>
    public CopyTarget Target => target;

    /// <summary>All records that this run has rejected, including those of the open batch.</summary>
    public long Total { get; private set; }

    /// <summary>The records that earlier runs of the import rejected; the limit counts them too.</summary>
    public long Earlier { get; set; }

    /// <summary>True where more rows are rejected than may be.</summary>
    public bool IsFull => Earlier + Total > limit?.Count;

    public void Add(ReadOnlyMemory<byte> record, long line, PostgresException refusal, ShardRange? shard)
    {
        if (refusal.SqlState == PostgresErrorCodes.NotNullViolation && refusal.ColumnName == target.Table.DistributionColumn)
        {
            Add(record, RejectErrors.NullKeyRow(source, target.Table, line)); // as each route says it
            return;
        }
        string? column = string.IsNullOrEmpty(refusal.ColumnName) ? PostgresErrors.CopyContext(refusal)?.Column : refusal.ColumnName;
        // Constraints and tables by the names that the shards have for them mean nothing to the user.
        if (refusal.SqlState is ['2', '3', ..] && refusal.TableName != target.Table.Name.Name && refusal.TableName != ValidationTable.Table)
            refusal = WorkerRefusal.WithoutShards(target.Table, refusal);
        string reason = target.Readable(refusal.MessageText.TrimEnd('.') + ".", shard);
        if (target.Detail(refusal, shard) is { } detail) reason += " " + detail;
        Add(record, new RefusedRow(source.Name, line, column, ValueOf(record, column), refusal.SqlState, reason));
    }

    public void Add(ReadOnlyMemory<byte> record, RefusedRow row)
    {
        lock (_gate)
        {
            _batch.Add(new RejectedRecord(record.ToArray(), row));
            Total++;
            if (IsFull) throw TooMany($"more than {limit!.Count} rows were refused");
        }
    }

    private string? ValueOf(ReadOnlyMemory<byte> record, string? column)
    {
        int at = 0;
        while (at < target.Columns.Count && target.Columns[at].Name != column) at++;
        if (at == target.Columns.Count) return null;
        return FieldText.Of(record.ToArray(), at, target.Dialect);
    }

    /// <summary>Hands over the batch's records in the order of the file.</summary>
    public IReadOnlyList<RejectedRecord> TakeBatch()
    {
        lock (_gate)
        {
            RejectedRecord[] taken = [.. _batch.OrderBy(r => r.Row.Line)];
            _batch.Clear();
            return taken;
        }
    }

    /// <summary>Checks a percentage, once enough records have been seen, or at the end.</summary>
    public void CheckShare(long records, bool atEnd)
    {
        if (limit?.Share is not { } share || records == 0 || (records < EnoughForShare && !atEnd)) return;
        if ((double)(Earlier + Total) / records > share)
            throw TooMany($"{Earlier + Total} of {records} rows were refused, more than {share:P2}");
    }

    private CitusException TooMany(string what) => RejectErrors.TooMany(source, what, _batch.LastOrDefault()?.Row);
}
