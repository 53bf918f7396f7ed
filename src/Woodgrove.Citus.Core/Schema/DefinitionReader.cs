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
    /// <summary>What the properties of a table's columns are called: with the default or identity, and without.</summary>
    public const string Column = "Column ", TypeOf = "Type of ";

    /// <summary>The objects without their SQL.</summary>
    public static async Task<List<SchemaObject>> ReadAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand($"""
            WITH s AS (SELECT oid, nspname::text FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN
                ('information_schema', 'citus', 'citus_internal', 'columnar', 'columnar_internal', '{ModuleSchema.Name}')),
            c AS (SELECT c.oid, c.relname::text, c.relkind, c.relpartbound, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
                    c.relpersistence, c.reloptions, c.relam, s.nspname
                FROM pg_catalog.pg_class c JOIN s ON s.oid = c.relnamespace WHERE NOT EXISTS (
                SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                    AND d.deptype = 'e')),
            a AS (SELECT c.oid, c.nspname, c.relname, c.relkind, a.attname::text, a.attnum, a.attgenerated, a.attidentity,
                    pg_catalog.format_type(a.atttypid, a.atttypmod) || {Collation("a.attcollation", "a.atttypid")}
                        || CASE WHEN a.attnotnull AND NOT EXISTS (SELECT
                            FROM pg_catalog.pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey[1] = a.attnum
                                AND NOT k.convalidated) THEN ' NOT NULL' ELSE '' END
                        || CASE a.attgenerated WHEN '' THEN '' ELSE coalesce(' GENERATED ' || x.value, '') END AS type,
                    CASE a.attgenerated WHEN '' THEN x.value END AS value
                FROM c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                LEFT JOIN LATERAL (SELECT pg_catalog.pg_get_expr(x.adbin, x.adrelid) AS value FROM pg_catalog.pg_attrdef x
                    WHERE x.adrelid = a.attrelid AND x.adnum = a.attnum) x ON true
                WHERE c.relkind IN ('r', 'p', 'f', 'v'))
            {Objects}
            {Parts}
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

    /// <summary>SQL for a collation that is not the type's own.</summary>
    private static string Collation(string collation, string type) => $"""
        coalesce((SELECT ' COLLATE ' || pg_catalog.quote_ident(l.collname) FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_type y
            ON y.oid = {type} WHERE l.oid = {collation} AND l.oid <> y.typcollation), '')
        """;

    private static readonly string Objects = $"""
        SELECT 'SCHEMA', '', nspname::text, 'Name', nspname::text FROM s
        UNION ALL SELECT 'TABLE', a.nspname, a.relname, 'Columns', pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', '
            ORDER BY a.attnum) FROM a WHERE a.relkind <> 'v' GROUP BY a.oid, a.nspname, a.relname
        UNION ALL (SELECT 'TABLE', a.nspname, a.relname, '{Column}' || a.attname, a.type
            || CASE a.attidentity WHEN '' THEN '' ELSE ' IDENTITY' END || coalesce(' DEFAULT ' || a.value, '')
            FROM a WHERE a.relkind <> 'v' ORDER BY a.oid, a.attnum)
        UNION ALL SELECT 'TABLE', a.nspname, a.relname, '{TypeOf}' || a.attname, a.type FROM a WHERE a.relkind <> 'v'
        UNION ALL SELECT 'TABLE', c.nspname, c.relname, 'Partitioning', pg_catalog.pg_get_partkeydef(c.oid) FROM c WHERE c.relkind = 'p'
        UNION ALL SELECT 'TABLE', c.nspname, c.relname, 'Persistence', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END
        FROM c WHERE c.relkind IN ('r', 'p')
        UNION ALL SELECT 'TABLE', c.nspname, c.relname, 'AccessMethod', (SELECT m.amname::text FROM pg_catalog.pg_am m
            WHERE m.oid = c.relam AND m.amname <> 'heap') FROM c WHERE c.relkind IN ('r', 'p')
        UNION ALL SELECT 'VIEW', c.nspname, c.relname, 'Options', pg_catalog.array_to_string(c.reloptions, ', ')
        FROM c WHERE c.relkind = 'v'
        UNION ALL SELECT 'TABLE', c.nspname, c.relname, 'RowSecurity', CASE WHEN c.relforcerowsecurity THEN 'FORCE' END
        FROM c WHERE c.relkind IN ('r', 'p', 'f')
        UNION ALL SELECT 'SEQUENCE', c.nspname, c.relname, 'Type', pg_catalog.format_type(q.seqtypid, NULL)
        FROM c JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
        UNION ALL SELECT 'SEQUENCE', c.nspname, c.relname, 'Values', pg_catalog.concat_ws(' ', 'START', q.seqstart, 'INCREMENT',
            q.seqincrement, 'MINVALUE', q.seqmin, 'MAXVALUE', q.seqmax, 'CACHE', q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' END)
        FROM c JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
        UNION ALL SELECT 'SEQUENCE', c.nspname, c.relname, 'Identity', pg_catalog.concat_ws(' ', d.refobjid::pg_catalog.regclass,
            a.attname, CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END)
        FROM c JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
            AND d.deptype = 'i' AND d.refclassid = d.classid
        JOIN a ON a.oid = d.refobjid AND a.attnum = d.refobjsubid WHERE c.relkind = 'S'
        UNION ALL SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, c.nspname, c.relname, 'Query',
            pg_catalog.pg_get_viewdef(c.oid) FROM c WHERE c.relkind IN ('v', 'm')
        UNION ALL SELECT 'INDEX', c.nspname, c.relname, 'Definition', pg_catalog.pg_get_indexdef(c.oid)
        FROM c WHERE c.relkind IN ('i', 'I')
        UNION ALL SELECT CASE k.contype WHEN 'f' THEN 'FK CONSTRAINT' ELSE 'CONSTRAINT' END, c.nspname, c.relname || ' ' || k.conname,
            'Definition', pg_catalog.pg_get_constraintdef(k.oid)
        FROM c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x', 'f', 'c', 'n')
            AND (k.contype <> 'f' OR k.conparentid = 0)
        UNION ALL SELECT 'CONSTRAINT', s.nspname, t.typname || ' ' || k.conname, 'Definition', pg_catalog.pg_get_constraintdef(k.oid)
        FROM s JOIN pg_catalog.pg_type t ON t.typnamespace = s.oid JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid
        UNION ALL SELECT 'TRIGGER', c.nspname, c.relname || ' ' || t.tgname, 'Definition', pg_catalog.pg_get_triggerdef(t.oid)
            || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' DISABLED' WHEN 'R' THEN ' ON REPLICAS' ELSE ' ALWAYS' END
        FROM c JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
        UNION ALL SELECT 'FUNCTION', s.nspname, p.proname || '(' || pg_catalog.array_to_string(ARRAY(
            SELECT pg_catalog.format_type(u.t, NULL) FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY u (t, n) ORDER BY n), ', ')
            || ')', 'Definition', CASE WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid) ELSE (
            SELECT pg_catalog.concat_ws(' ', g.aggkind, g.aggtransfn, pg_catalog.format_type(g.aggtranstype, NULL), g.aggfinalfn,
                g.aggcombinefn, g.agginitval) FROM pg_catalog.pg_aggregate g WHERE g.aggfnoid = p.oid) END
        FROM pg_catalog.pg_proc p JOIN s ON s.oid = p.pronamespace
        UNION ALL SELECT 'TYPE', s.nspname, t.typname::text, 'Definition', CASE t.typtype
            WHEN 'e' THEN (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
            WHEN 'c' THEN (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(f.attname) || ' '
                || pg_catalog.format_type(f.atttypid, f.atttypmod) || {Collation("f.attcollation", "f.atttypid")}, ', ' ORDER BY f.attnum)
                FROM pg_catalog.pg_attribute f WHERE f.attrelid = t.typrelid AND f.attnum > 0 AND NOT f.attisdropped)
            WHEN 'd' THEN pg_catalog.concat_ws(' ', pg_catalog.format_type(t.typbasetype, t.typtypmod)
                    || {Collation("t.typcollation", "t.typbasetype")},
                CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault,
                (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname)
                 FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated))
            WHEN 'r' THEN (SELECT pg_catalog.format_type(r.rngsubtype, NULL) FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid) END
        FROM pg_catalog.pg_type t JOIN s ON s.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r')
            OR t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
            OR t.typtype = 'c' AND EXISTS (SELECT FROM c WHERE c.oid = t.typrelid AND c.relkind = 'c')
        """;

    /// <summary>What pg_dump writes apart from the table, or whatever else, that it is a part of.</summary>
    private const string Parts = """
        UNION ALL SELECT 'DEFAULT', a.nspname, a.relname || ' ' || a.attname, 'Expression', a.value FROM a WHERE a.value IS NOT NULL
        UNION ALL SELECT 'SEQUENCE OWNED BY', c.nspname, c.relname, 'Column', d.refobjid::pg_catalog.regclass || '.' || a.attname
        FROM c JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
            AND d.deptype = 'a' AND d.refclassid = d.classid
        JOIN a ON a.oid = d.refobjid AND a.attnum = d.refobjsubid WHERE c.relkind = 'S'
        UNION ALL SELECT CASE WHEN c.relkind IN ('i', 'I') THEN 'INDEX ATTACH' ELSE 'TABLE ATTACH' END, c.nspname, c.relname, 'Partition',
            pg_catalog.concat_ws(' ', i.inhparent::pg_catalog.regclass, pg_catalog.pg_get_expr(c.relpartbound, c.oid))
        FROM c JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid WHERE c.relispartition
        UNION ALL SELECT 'ROW SECURITY', c.nspname, c.relname, 'Enabled', 'true' FROM c WHERE c.relrowsecurity
        UNION ALL SELECT 'POLICY', c.nspname, c.relname || ' ' || p.polname, 'Definition', pg_catalog.concat_ws(' ',
            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, 'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT'
                WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
            'TO ' || (SELECT pg_catalog.string_agg(coalesce(pg_catalog.quote_ident(r.rolname), 'public'), ', ' ORDER BY r.rolname)
                FROM pg_catalog.unnest(p.polroles) u (oid) LEFT JOIN pg_catalog.pg_roles r ON r.oid = u.oid),
            'USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
            'WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')')
        FROM c JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
        UNION ALL SELECT 'RULE', c.nspname, c.relname || ' ' || r.rulename, 'Event', pg_catalog.concat_ws(' ', CASE r.ev_type
            WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' WHEN '4' THEN 'DELETE' END, CASE WHEN r.is_instead THEN 'INSTEAD' END)
        FROM c JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.ev_type <> '1'
        UNION ALL SELECT 'STATISTICS', s.nspname, e.stxname, 'Definition', pg_catalog.pg_get_statisticsobjdef(e.oid)
        FROM pg_catalog.pg_statistic_ext e JOIN s ON s.oid = e.stxnamespace
        UNION ALL SELECT 'USER MAPPING', '', 'USER MAPPING ' || pg_catalog.quote_ident(m.usename) || ' SERVER '
            || pg_catalog.quote_ident(m.srvname), 'Server', m.srvname FROM pg_catalog.pg_user_mappings m
        UNION ALL SELECT 'COMMENT', coalesce(n.nspname, CASE WHEN pg_catalog.cardinality(o.names) > 1 THEN o.names[1] END, ''), CASE
            WHEN p.oid IS NOT NULL THEN pg_catalog.upper(o.type) || ' ' || pg_catalog.quote_ident(p.proname) || '('
                || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')'
            WHEN t.oid IS NOT NULL THEN CASE t.typtype WHEN 'd' THEN 'DOMAIN ' ELSE 'TYPE ' END || pg_catalog.quote_ident(t.typname)
            WHEN o.type LIKE '% column' THEN 'COLUMN ' || pg_catalog.quote_ident(o.names[2]) || '.' || pg_catalog.quote_ident(o.names[3])
            WHEN o.type IN ('table constraint', 'trigger', 'policy', 'rule') THEN pg_catalog.upper(pg_catalog.replace(o.type, 'table ', ''))
                || ' ' || pg_catalog.quote_ident(o.names[3]) || ' ON ' || pg_catalog.quote_ident(o.names[2])
            ELSE pg_catalog.upper(pg_catalog.replace(pg_catalog.replace(o.type, ' object', ''), '-', ' ')) || ' '
                || pg_catalog.quote_ident(o.names[pg_catalog.cardinality(o.names)]) END, 'Text', d.description
        FROM pg_catalog.pg_description d
        CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(d.classoid, d.objoid, d.objsubid) o (type, names, arguments)
        LEFT JOIN pg_catalog.pg_proc p ON d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objoid
        LEFT JOIN pg_catalog.pg_type t ON d.classoid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = d.objoid
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        WHERE (d.objoid >= 16384 OR d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass) AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
        """;

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

    /// <summary>
    /// Of constraints, triggers and functions the tag is not one name, and stands as pg_dump has it; of other objects the type is
    /// part of the name.
    /// </summary>
    public static string NameOf(string type, string schema, string tag) => KindOf(type) switch
    {
        SchemaObjectKind.Schema => TableName.QuoteIfNeeded(tag),
        SchemaObjectKind.Table or SchemaObjectKind.Sequence or SchemaObjectKind.Index or SchemaObjectKind.View or SchemaObjectKind.Type
            => new TableName(schema, tag).ToString(),
        SchemaObjectKind.Other when tag.StartsWith($"{type} ", StringComparison.Ordinal) => type.ToLowerInvariant() + tag[type.Length..],
        SchemaObjectKind.Other => $"{type.ToLowerInvariant()} {InSchema(schema, tag)}",
        _ => InSchema(schema, tag),
    };

    private static string InSchema(string schema, string tag) =>
        schema.Length == 0 ? tag : $"{TableName.QuoteIfNeeded(schema)}.{tag}";
}
