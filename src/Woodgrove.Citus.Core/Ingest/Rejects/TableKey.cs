using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>A constraint that only other rows can break: a unique key, or a foreign one.</summary>
/// <param name="Table">The table whose rows decide, as SQL.</param>
/// <param name="Columns">The key's columns, quoted.</param>
/// <param name="OtherColumns">Those of the table whose rows decide, in the same order.</param>
/// <param name="Types">Their types.</param>
/// <param name="Operators">What compares a row's values with those that decide, with their schemas: others than = of an exclusion
/// constraint, such as WITHOUT OVERLAPS (PostgreSQL 18).</param>
internal sealed record TableKey(string Name, bool IsForeign, bool IsExclusion, string Table, string[] Columns, string[] OtherColumns,
    string[] Types, string[] Operators)
{
    /// <summary>The keys of a table, but for foreign ones to itself: the row that such a key needs may come with it.</summary>
    public static async Task<IReadOnlyList<TableKey>> ReadAsync(NpgsqlConnection session, TableInfo table, CancellationToken stop)
    {
        // The operator of the index or the constraint: by its name alone, any schema of the path might give another.
        await using var command = new NpgsqlCommand($"""
            SELECT k.name, k.is_foreign, k.is_exclusion, {SearchPath.Show("k.decider")},
                pg_catalog.array_agg(pg_catalog.quote_ident(own.attname) ORDER BY c.n),
                pg_catalog.array_agg(pg_catalog.quote_ident(other.attname) ORDER BY c.n),
                pg_catalog.array_agg(pg_catalog.format_type(other.atttypid, other.atttypmod) ORDER BY c.n),
                pg_catalog.array_agg(pg_catalog.format('OPERATOR(%I.%s)', s.nspname, o.oprname) ORDER BY c.n)
            FROM (SELECT {SearchPath.Show("x.indexrelid")} AS name, false AS is_foreign, x.indisexclusion AS is_exclusion,
                x.indrelid AS decider, x.indkey[0:x.indnkeyatts - 1]::int2[] AS own, x.indkey[0:x.indnkeyatts - 1]::int2[] AS decides,
                  coalesce((SELECT e.conexclop FROM pg_catalog.pg_constraint e WHERE e.conindid = x.indexrelid
                      AND e.conexclop IS NOT NULL LIMIT 1),
                      ARRAY(SELECT e.amopopr FROM pg_catalog.unnest(x.indclass[0:x.indnkeyatts - 1]) WITH ORDINALITY i (class, n)
                          JOIN pg_catalog.pg_opclass p ON p.oid = i.class
                        JOIN pg_catalog.pg_amop e ON e.amopfamily = p.opcfamily AND e.amopstrategy = 3 AND e.amoplefttype = p.opcintype
                            AND e.amoprighttype = p.opcintype ORDER BY i.n)) AS operators
                FROM pg_catalog.pg_index x WHERE x.indrelid = $1::oid AND (x.indisunique OR x.indisexclusion) AND x.indisvalid
                    AND x.indpred IS NULL AND x.indexprs IS NULL
                UNION ALL
                SELECT conname, true, false, confrelid, conkey, confkey, conppeqop
                FROM pg_catalog.pg_constraint c WHERE conrelid = $1::oid AND contype = 'f' AND confrelid <> conrelid
                    -- PERIOD (PostgreSQL 18): the ranges of several rows together may hold the one that refers to them.
                    AND coalesce((pg_catalog.to_jsonb(c) ->> 'conperiod')::bool, false) = false
                    -- A key to a partitioned table has one to each partition below it.
                    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint above WHERE above.oid = c.conparentid
                        AND above.conrelid = c.conrelid)) k
            CROSS JOIN unnest(k.own, k.decides, k.operators) WITH ORDINALITY c (own, other, operator, n)
            JOIN pg_catalog.pg_attribute own ON own.attrelid = $1::oid AND own.attnum = c.own
            JOIN pg_catalog.pg_attribute other ON other.attrelid = k.decider AND other.attnum = c.other
            JOIN pg_catalog.pg_operator o ON o.oid = c.operator
            JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
            GROUP BY k.name, k.is_foreign, k.is_exclusion, k.decider
            ORDER BY k.is_foreign, k.name
            """, session) { Parameters = { new() { Value = (long)table.Oid } } };
        var keys = new List<TableKey>();
        await using NpgsqlDataReader rows = await command.ExecuteReaderAsync(stop);
        while (await rows.ReadAsync(stop))
        {
            keys.Add(new TableKey(rows.GetString(0), rows.GetBoolean(1), rows.GetBoolean(2), rows.GetString(3),
                rows.GetFieldValue<string[]>(4), rows.GetFieldValue<string[]>(5), rows.GetFieldValue<string[]>(6),
                rows.GetFieldValue<string[]>(7)));
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
        // unnest of several arrays is PostgreSQL's own syntax, which takes no schema and looks none up.
        await using var command = new NpgsqlCommand(
            $"SELECT r.line FROM (SELECT line, {typed} FROM unnest($1::bigint[], {arrays}) u (line, {names})) r JOIN {Table} t ON {equal}",
            session);
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
        string? column = Columns.Length == 1
            ? table.Columns.FirstOrDefault(c => TableName.Quote(c.Name) == Columns[0] || c.Name == Columns[0])?.Name : null;
        if (IsExclusion)
        {
            return new RefusedRow(source, line, column, null, PostgresErrorCodes.ExclusionViolation,
                $"conflicting key value violates exclusion constraint \"{Name}\". {key} conflicts with an existing key.");
        }
        return IsForeign
            ? new RefusedRow(source, line, column, null, PostgresErrorCodes.ForeignKeyViolation,
                $"insert or update on table \"{table.Name.Name}\" violates foreign key constraint \"{Name}\". "
                    + $"{key} is not present in table \"{Table}\".")
            : new RefusedRow(source, line, column, null, PostgresErrorCodes.UniqueViolation,
                $"duplicate key value violates unique constraint \"{Name}\". {key} already exists.");
    }
}
