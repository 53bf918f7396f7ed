using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Transfer;

/// <summary>Sets the sequences that a table's columns take their values from beyond the values that were copied.</summary>
internal static class SequenceCopy
{
    private const string Sequences = """
        SELECT a.attname::text, q.seqrelid, q.seqincrement > 0, pg_catalog.pg_sequence_last_value(q.seqrelid), q.seqstart,
            q.seqmin, q.seqmax, a.atttypid IN ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype,
                'pg_catalog.int8'::pg_catalog.regtype, 'pg_catalog.numeric'::pg_catalog.regtype)
        FROM pg_catalog.pg_attribute a
        JOIN LATERAL (
            SELECT d.objid AS oid FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                AND d.refclassid = d.classid AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
            UNION
            SELECT d.refobjid FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_depend d ON d.objid = f.oid
                AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum) s ON true
        JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
        WHERE a.attrelid = $1::oid AND NOT a.attisdropped
        """;

    /// <summary>Refuses a copy at whose end this user could not set the sequences.</summary>
    /// <param name="from">The table that is read; null where a query is.</param>
    /// <exception cref="Errors.CitusException">It names those.</exception>
    public static async Task RequireAsync(NpgsqlConnection source, TableInfo? from, NpgsqlConnection target, TableInfo into,
        IReadOnlyList<TableColumn> columns, CancellationToken stop)
    {
        uint[] sequences = [.. (await ReadAsync(target, into, stop)).Where(s => columns.Any(c => c.Name == s.Column)).Select(s => s.Oid)];
        if (sequences.Length > 0 && from is not null) await ReadAsync(source, from, stop);
        string[] denied = [.. await target.ListAsync("SELECT s::pg_catalog.regclass::text FROM pg_catalog.unnest($1::oid[]) s "
            + "WHERE NOT pg_catalog.has_sequence_privilege(s, 'UPDATE')", row => row.GetString(0), stop, sequences)];
        if (denied.Length > 0) throw CopyErrors.SequenceDenied(into.Display, LedgerSchema.User(target), denied);
    }

    /// <param name="from">The table that was read; null where a query was.</param>
    /// <returns>How many sequences were set.</returns>
    public static async Task<int> RunAsync(NpgsqlConnection source, TableInfo? from, NpgsqlConnection target, TableInfo into,
        IReadOnlyList<TableColumn> columns, CancellationToken stop)
    {
        List<Sequence> sequences = (await ReadAsync(target, into, stop)).FindAll(s => columns.Any(c => c.Name == s.Column));
        if (sequences.Count == 0) return 0;
        List<Sequence> origins = from is null ? [] : await ReadAsync(source, from, stop);
        int set = 0;
        foreach (Sequence sequence in sequences)
        {
            // Where the source has no sequence, or it was never used, the rows tell.
            long? reached = origins.Find(o => o.Column == sequence.Column)?.LastValue ?? await FurthestAsync(target, into, sequence, stop);
            if (reached is null || sequence.IsBeyond(reached.Value)) continue;
            await target.ExecuteAsync("SELECT pg_catalog.setval($1::pg_catalog.oid::pg_catalog.regclass, $2)", stop, sequence.Oid,
                Math.Clamp(reached.Value, sequence.Min, sequence.Max));
            set++;
        }
        return set;
    }

    /// <summary>The furthest value that the rows have, within the bounds of bigint; null where the column is no number.</summary>
    private static async Task<long?> FurthestAsync(NpgsqlConnection target, TableInfo into, Sequence sequence, CancellationToken stop) =>
        !sequence.IsNumber ? null : await target.ScalarAsync<long?>("SELECT CASE WHEN v IS NOT NULL "
            + "THEN greatest(least(v, $1), $2)::bigint END "
            + $"FROM (SELECT {(sequence.Ascends ? "ceil(max" : "floor(min")}({TableName.Quote(sequence.Column)})::numeric) AS v "
            + $"FROM {into.Name.Sql}) r", stop, long.MaxValue, long.MinValue);

    private static Task<List<Sequence>> ReadAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop) =>
        session.ListAsync(Sequences, row => new Sequence(row.GetString(0), row.GetFieldValue<uint>(1), row.GetBoolean(2),
            row.IsDBNull(3) ? null : row.GetInt64(3), row.GetInt64(4), row.GetInt64(5), row.GetInt64(6), row.GetBoolean(7)),
            stop, table.Oid);

    /// <param name="LastValue">Null where it was never used.</param>
    /// <param name="IsNumber">Whether the column's values can be compared with the sequence's.</param>
    private sealed record Sequence(string Column, uint Oid, bool Ascends, long? LastValue, long Start, long Min, long Max, bool IsNumber)
    {
        /// <summary>Whether all values that it will give come after one.</summary>
        public bool IsBeyond(long value) => LastValue is { } last ? (Ascends ? last >= value : last <= value)
            : Ascends ? Start > value : Start < value;
    }
}
