using Npgsql;

namespace Woodgrove.Citus.Sql;

/// <summary>A primary key, a unique constraint or a unique index.</summary>
/// <param name="Parts">Its columns and expressions as SQL has them.</param>
/// <param name="Columns">The names of its columns.</param>
/// <param name="Condition">Of a partial index, with WHERE before it; else empty.</param>
internal sealed record UniqueKey(string Name, bool IsPrimary, bool IsConstraint, string[] Parts, string[] Columns, string Condition)
{
    /// <summary>Two NULLs are equal to it.</summary>
    public bool NullsNotDistinct { get; init; }

    /// <summary>The columns that it holds besides, with INCLUDE before them; else empty.</summary>
    public string Include { get; init; } = "";

    /// <summary>When it is checked, as SQL; empty where that is at once.</summary>
    public string Deferrable { get; init; } = "";

    /// <summary>The keys of a table, the primary key first.</summary>
    public static async Task<List<UniqueKey>> ReadAsync(NpgsqlConnection session, uint table, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT i.relname, x.indisprimary, k.conname IS NOT NULL,
                   (SELECT pg_catalog.array_agg(pg_catalog.pg_get_indexdef(x.indexrelid, n, true)
                           || coalesce((SELECT ' COLLATE ' || pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(l.collname)
                               FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace s ON s.oid = l.collnamespace
                               WHERE l.oid = x.indcollation[n - 1] AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                                   WHERE a.attrelid = x.indrelid AND a.attnum = x.indkey[n - 1] AND a.attcollation = l.oid)
                                   AND (x.indkey[n - 1] <> 0 OR l.oid <> 'pg_catalog."default"'::pg_catalog.regcollation)), '')
                           || coalesce((SELECT ' ' || pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(o.opcname)
                               FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace s ON s.oid = o.opcnamespace
                               WHERE o.oid = x.indclass[n - 1] AND NOT o.opcdefault), '') ORDER BY n)
                       FROM pg_catalog.generate_series(1, x.indnkeyatts) n),
                   ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = x.indrelid
                       AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])),
                   coalesce(' WHERE ' || pg_catalog.pg_get_expr(x.indpred, x.indrelid), ''),
                   coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false),
                   coalesce((SELECT ' INCLUDE (' || pg_catalog.string_agg(pg_catalog.pg_get_indexdef(x.indexrelid, n, true), ', ' ORDER BY n)
                       || ')' FROM pg_catalog.generate_series(x.indnkeyatts + 1, x.indnatts) n), ''),
                   CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
            FROM pg_catalog.pg_index x
            JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
            LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u')
            WHERE x.indrelid = $1::oid AND x.indisunique ORDER BY x.indisprimary DESC, 1
            """, session) { Parameters = { new() { Value = (long)table } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var keys = new List<UniqueKey>();
        while (await row.ReadAsync(stop))
        {
            keys.Add(new UniqueKey(row.GetString(0), row.GetBoolean(1), row.GetBoolean(2), row.GetFieldValue<string[]>(3),
                row.GetFieldValue<string[]>(4), row.GetString(5))
            { NullsNotDistinct = row.GetBoolean(6), Include = row.GetString(7), Deferrable = row.GetString(8) });
        }
        return keys;
    }

    public bool Holds(string column) => Columns.Contains(column);

    /// <summary>Its parts with a column after them.</summary>
    public string Widened(string column) => $"{string.Join(", ", Parts)}, {TableName.QuoteIfNeeded(column)}";

    /// <summary>SQL that makes it hold a column, too.</summary>
    public string Widen(TableName table, string column) => IsConstraint
        ? $"ALTER TABLE {table} DROP CONSTRAINT {TableName.QuoteIfNeeded(Name)}, ADD {(IsPrimary ? "PRIMARY KEY"
            : "UNIQUE" + Nulls)} ({Widened(column)}){Include}{Deferrable};"
        : $"DROP INDEX {new TableName(table.Schema, Name)}; CREATE UNIQUE INDEX ON {table} ({Widened(column)}){Include}{Nulls}{Condition};";

    private string Nulls => NullsNotDistinct ? " NULLS NOT DISTINCT" : "";

    public override string ToString() => $"{Name} ({string.Join(", ", Parts)})";
}
