using Npgsql;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>A constraint that only other rows can break: a unique key, or a foreign one.</summary>
/// <param name="Table">The table whose rows decide, as SQL.</param>
/// <param name="Columns">The key's columns, quoted.</param>
/// <param name="OtherColumns">Those of the table whose rows decide, in the same order.</param>
/// <param name="Types">Their types.</param>
/// <param name="Operators">What compares a row's values with those that decide: others than = of an exclusion constraint, such as WITHOUT OVERLAPS (PostgreSQL 18).</param>
internal sealed record TableKey(string Name, bool IsForeign, string Table, string[] Columns, string[] OtherColumns, string[] Types, string[] Operators)
{
    /// <summary>The keys of a table, but for foreign ones to itself: the row that such a key needs may come with it.</summary>
    public static async Task<IReadOnlyList<TableKey>> ReadAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT k.name, k.is_foreign, k.decider::regclass::text, array_agg(quote_ident(own.attname) ORDER BY c.n),
                array_agg(quote_ident(other.attname) ORDER BY c.n), array_agg(format_type(other.atttypid, other.atttypmod) ORDER BY c.n),
                array_agg(coalesce((SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname) FROM pg_catalog.pg_operator o
                                    JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = c.operator), '=') ORDER BY c.n)
            FROM (SELECT indexrelid::regclass::text AS name, false AS is_foreign, indrelid AS decider, indkey[0:indnkeyatts - 1]::int2[] AS own, indkey[0:indnkeyatts - 1]::int2[] AS decides,
                    (SELECT x.conexclop FROM pg_catalog.pg_constraint x WHERE x.conindid = indexrelid AND x.conexclop IS NOT NULL LIMIT 1) AS operators
                FROM pg_catalog.pg_index WHERE indrelid = $1::oid AND (indisunique OR indisexclusion) AND indisvalid AND indpred IS NULL AND indexprs IS NULL
                UNION ALL
                SELECT conname, true, confrelid, conkey, confkey, NULL
                FROM pg_catalog.pg_constraint c WHERE conrelid = $1::oid AND contype = 'f' AND confrelid <> conrelid
                    -- PERIOD (PostgreSQL 18): the ranges of several rows together may hold the one that refers to them.
                    AND coalesce((pg_catalog.to_jsonb(c) ->> 'conperiod')::bool, false) = false
                    -- A key to a partitioned table has one to each partition below it.
                    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint above WHERE above.oid = c.conparentid AND above.conrelid = c.conrelid)) k
            CROSS JOIN unnest(k.own, k.decides, k.operators) WITH ORDINALITY c (own, other, operator, n)
            JOIN pg_catalog.pg_attribute own ON own.attrelid = $1::oid AND own.attnum = c.own
            JOIN pg_catalog.pg_attribute other ON other.attrelid = k.decider AND other.attnum = c.other
            GROUP BY k.name, k.is_foreign, k.decider
            ORDER BY k.is_foreign, k.name
            """, session) { Parameters = { new() { Value = (long)table.Oid } } };
        var keys = new List<TableKey>();
        await using NpgsqlDataReader rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop))
        {
            keys.Add(new TableKey(rows.GetString(0), rows.GetBoolean(1), rows.GetString(2),
                rows.GetFieldValue<string[]>(3), rows.GetFieldValue<string[]>(4), rows.GetFieldValue<string[]>(5), rows.GetFieldValue<string[]>(6)));
        }
        return keys;
    }

    /// <summary>The lines of those keys that a session finds in the deciding table.</summary>
    public async Task<List<long>> FindAsync(NpgsqlConnection session, Dictionary<long, string[]> keys, CancellationToken stop)
    {
        string arrays = string.Join(", ", Columns.Select((_, i) => $"${i + 2}::text[]"));
        string names = string.Join(", ", Columns.Select((_, i) => $"k{i}"));
        string typed = string.Join(", ", Types.Select((type, i) => $"k{i}::{type} k{i}"));
        string equal = string.Join(" AND ", OtherColumns.Select((c, i) => $"t.{c} {Operators[i]} r.k{i}"));
        await using var command = new NpgsqlCommand(
            $"SELECT r.line FROM (SELECT line, {typed} FROM unnest($1::bigint[], {arrays}) u (line, {names})) r JOIN {Table} t ON {equal}", session);
        command.Parameters.Add(new() { Value = keys.Keys.ToArray() });
        for (int i = 0; i < Columns.Length; i++) command.Parameters.Add(new() { Value = keys.Values.Select(v => v[i]).ToArray() });
        var lines = new List<long>();
        await using NpgsqlDataReader rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop)) lines.Add(rows.GetInt64(0));
        return lines;
    }

    /// <summary>A row that breaks the key, in the server's words.</summary>
    public RefusedRow Refuse(string source, long line, TableInfo table, string[] values)
    {
        string key = $"Key ({string.Join(", ", Columns)})=({string.Join(", ", values)})";
        string? column = Columns.Length == 1 ? table.Columns.FirstOrDefault(c => TableName.Quote(c.Name) == Columns[0] || c.Name == Columns[0])?.Name : null;
        if (Operators.Any(o => o != "="))
        {
            return new RefusedRow(source, line, column, null, PostgresErrorCodes.ExclusionViolation,
                $"conflicting key value violates exclusion constraint \"{Name}\". {key} conflicts with an existing key.");
        }
        return IsForeign
            ? new RefusedRow(source, line, column, null, PostgresErrorCodes.ForeignKeyViolation,
                $"insert or update on table \"{table.Name.Name}\" violates foreign key constraint \"{Name}\". {key} is not present in table \"{Table}\".")
            : new RefusedRow(source, line, column, null, PostgresErrorCodes.UniqueViolation,
                $"duplicate key value violates unique constraint \"{Name}\". {key} already exists.");
    }
}
