using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Schema;

/// <summary>
/// How the server prints the definitions of a database's objects: what they are compared by. Names are those of
/// <see cref="DumpEntry"/>.
/// </summary>
internal static class DefinitionReader
{
    /// <summary>The objects without their SQL.</summary>
    public static async Task<List<SchemaObject>> ReadAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"""
            WITH s AS (SELECT oid, nspname::text FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN
                ('information_schema', 'citus', 'citus_internal', 'columnar', 'columnar_internal', '{ModuleSchema.Name}')),
            c AS (SELECT c.oid, c.relname::text, c.relkind, c.relpartbound, c.relispartition, s.nspname
                FROM pg_catalog.pg_class c JOIN s ON s.oid = c.relnamespace WHERE NOT EXISTS (
                SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                    AND d.deptype = 'e'))
            SELECT 'SCHEMA', '', nspname::text, 'Name', nspname::text FROM s
            UNION ALL SELECT 'TABLE', c.nspname, c.relname, 'Columns', (SELECT pg_catalog.string_agg(
                pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
                || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
                || CASE a.attidentity WHEN '' THEN '' ELSE ' IDENTITY' END
                || coalesce(CASE a.attgenerated WHEN '' THEN ' DEFAULT ' ELSE ' GENERATED ' END
                    || pg_catalog.pg_get_expr(x.adbin, x.adrelid), ''), ', ' ORDER BY a.attnum)
                FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
            FROM c WHERE c.relkind IN ('r', 'p', 'f')
            UNION ALL SELECT 'TABLE', c.nspname, c.relname, 'Partitioning', pg_catalog.concat_ws(' ', CASE WHEN c.relkind = 'p'
                THEN pg_catalog.pg_get_partkeydef(c.oid) END, pg_catalog.pg_get_expr(c.relpartbound, c.oid))
            FROM c WHERE c.relkind IN ('r', 'p') AND (c.relkind = 'p' OR c.relispartition)
            UNION ALL SELECT 'SEQUENCE', c.nspname, c.relname, 'Type', pg_catalog.format_type(q.seqtypid, NULL)
            FROM c JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
            UNION ALL SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, c.nspname, c.relname, 'Query',
                pg_catalog.pg_get_viewdef(c.oid) FROM c WHERE c.relkind IN ('v', 'm')
            UNION ALL SELECT 'INDEX', c.nspname, c.relname, 'Definition', pg_catalog.pg_get_indexdef(c.oid)
            FROM c WHERE c.relkind IN ('i', 'I')
            UNION ALL SELECT CASE k.contype WHEN 'f' THEN 'FK CONSTRAINT' ELSE 'CONSTRAINT' END, c.nspname, c.relname || ' ' || k.conname,
                'Definition', pg_catalog.pg_get_constraintdef(k.oid)
            FROM c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x', 'f', 'c')
                AND (k.contype <> 'f' OR k.conparentid = 0)
            UNION ALL SELECT 'TRIGGER', c.nspname, c.relname || ' ' || t.tgname, 'Definition', pg_catalog.pg_get_triggerdef(t.oid)
            FROM c JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
            UNION ALL SELECT 'FUNCTION', s.nspname, p.proname || '(' || pg_catalog.array_to_string(ARRAY(
                SELECT pg_catalog.format_type(u.t, NULL) FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY u (t, n) ORDER BY n), ', ')
                || ')', 'Definition', CASE WHEN p.prokind IN ('f', 'p', 'w') THEN pg_catalog.pg_get_functiondef(p.oid) END
            FROM pg_catalog.pg_proc p JOIN s ON s.oid = p.pronamespace
            UNION ALL SELECT 'TYPE', s.nspname, t.typname::text, 'Values',
                (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                 FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
            FROM pg_catalog.pg_type t JOIN s ON s.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r')
                OR t.typtype = 'c' AND EXISTS (SELECT FROM c WHERE c.oid = t.typrelid AND c.relkind = 'c')
            """, session);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var found = new Dictionary<(SchemaObjectKind, string), List<SchemaProperty>>();
        while (await row.ReadAsync(stop))
        {
            var key = (KindOf(row.GetString(0)), NameOf(row.GetString(0), row.GetString(1), row.GetString(2)));
            if (!found.TryGetValue(key, out List<SchemaProperty>? properties)) found[key] = properties = [];
            properties.Add(new(row.GetString(3), row.IsDBNull(4) ? null : row.GetString(4)));
        }
        return [.. found.Select(f => new SchemaObject { Kind = f.Key.Item1, Name = f.Key.Item2, Sql = "", Properties = f.Value })];
    }

    public static SchemaObjectKind KindOf(string type) => type switch
    {
        "TABLE" or "FOREIGN TABLE" => SchemaObjectKind.Table,
        "SEQUENCE" => SchemaObjectKind.Sequence,
        "INDEX" => SchemaObjectKind.Index,
        "CONSTRAINT" or "CHECK CONSTRAINT" => SchemaObjectKind.Constraint,
        "FK CONSTRAINT" => SchemaObjectKind.ForeignKey,
        "FUNCTION" or "PROCEDURE" or "AGGREGATE" => SchemaObjectKind.Function,
        "TYPE" or "DOMAIN" => SchemaObjectKind.Type,
        "VIEW" or "MATERIALIZED VIEW" => SchemaObjectKind.View,
        "TRIGGER" => SchemaObjectKind.Trigger,
        "SCHEMA" => SchemaObjectKind.Schema,
        _ => SchemaObjectKind.Other,
    };

    /// <summary>Of constraints, triggers and functions the tag is not one name, and stands as pg_dump has it.</summary>
    public static string NameOf(string type, string schema, string tag) => KindOf(type) switch
    {
        SchemaObjectKind.Schema => TableName.QuoteIfNeeded(tag),
        SchemaObjectKind.Table or SchemaObjectKind.Sequence or SchemaObjectKind.Index or SchemaObjectKind.View or SchemaObjectKind.Type
            => new TableName(schema, tag).ToString(),
        _ => schema.Length == 0 ? tag : $"{TableName.QuoteIfNeeded(schema)}.{tag}",
    };
}
