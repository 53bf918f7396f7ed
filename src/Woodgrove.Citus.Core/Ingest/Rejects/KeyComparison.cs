using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>Compares the keys of validated records with those of the cluster's rows, and with the table's partitions.</summary>
/// <param name="session">Sees the rows that count: a load's own sees those that it has not committed yet.</param>
internal sealed class KeyComparison(CitusConnection connection, NpgsqlConnection session, ValidationTable validation, CopyTarget target,
    RejectList rejects)
{
    private IReadOnlyList<TableKey>? _tableKeys;

    /// <summary>Rejects the records whose key a row of the cluster has, or that lack a row that their key needs, or a partition.</summary>
    /// <param name="records">The contents of the validation table.</param>
    /// <returns>The others.</returns>
    public async Task<RecordBatch> FilterAsync(RecordBatch records, CancellationToken stop)
    {
        if (records.IsEmpty) return records;
        var refused = new Dictionary<long, RefusedRow>();
        foreach (TableKey key in _tableKeys ??= await ReadKeysAsync(stop))
        {
            Dictionary<long, string[]> keys = await validation.KeysAsync(key, stop);
            List<long> found = await key.FindAsync(session, keys, stop);
            foreach (long line in key.IsForeign ? keys.Keys.Except(found) : found)
                refused.TryAdd(line, key.Refuse(rejects.Source.Name, line, target.Table, keys[line]));
        }
        foreach (long line in await validation.WithoutPartitionAsync(target.Table, stop))
        {
            refused.TryAdd(line, new RefusedRow(rejects.Source.Name, line, null, null, PostgresErrorCodes.CheckViolation,
                $"no partition of relation \"{target.Readable(target.Table.Name.Name, null)}\" found for row."));
        }
        var others = new RecordBatch(records.Bytes.Length);
        int start = 0;
        foreach (RecordBounds bound in records.Bounds)
        {
            if (refused.TryGetValue(bound.Line, out RefusedRow? row)) rejects.Add(records.Bytes[start..bound.End], row);
            else others.Add(records.Bytes.Span[start..bound.End], bound.Line);
            start = bound.End;
        }
        return others;
    }

    private async Task<IReadOnlyList<TableKey>> ReadKeysAsync(CancellationToken stop)
    {
        await using NpgsqlConnection catalog = await connection.OpenSessionAsync(stop);
        return await TableKey.ReadAsync(catalog, target.Table, stop);
    }
}
