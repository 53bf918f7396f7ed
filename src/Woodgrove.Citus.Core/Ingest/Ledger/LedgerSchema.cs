using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// Schema <c>woodgrove</c>, in which imports keep their ledger. Whoever owns a table of it can make code of theirs run
/// in the session that writes to it, so a schema or table is only used if its owner could act as the session's user
/// anyway, and if nothing is attached to it that the module has not made.
/// </summary>
internal static class LedgerSchema
{
    public const string Name = ModuleSchema.Name;

    /// <summary>
    /// The key of the advisory lock under which the schema's objects are created; a ledger's locks have the same first
    /// key.
    /// </summary>
    public const int LockSpace = 0x574F4F44;

    private static readonly string[] BatchColumns =
    [
        "import_id", "batch", "table_name", "table_oid", "distribution", "source", "route", "fingerprint", "first_byte", "end_byte", "rows",
        "rejected",
        "is_last", "is_pending", "attempt", "loaded_by", "committed_at",
    ];

    private static readonly string[] PartColumns = ["import_id", "batch", "part", "end_byte", "fingerprint", "min_values", "max_values"];
    private static readonly string[] RestorePointColumns = ["name", "description", "nodes", "lsn", "created_by", "created_at"];

    /// <summary>Why this user can't keep a ledger, or null.</summary>
    /// <param name="withParts">Whether the import needs <c>woodgrove.import_part</c> too.</param>
    public static async Task<CitusException?> ObstacleAsync(NpgsqlConnection session, bool withParts, CancellationToken stop)
    {
        List<LedgerObject> objects = await ReadAsync(session, stop);
        if (objects.Count == 0)
        {
            return await session.ScalarAsync<bool>("SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')",
                    stop) ? null
                : LedgerErrors.Denied(session, $"GRANT CREATE ON DATABASE {Quote(session.Database)} TO {User(session)}",
                    "create schema woodgrove");
        }
        if (objects.Select(Distrust).FirstOrDefault(d => d is not null) is { } distrust) return distrust;
        LedgerObject schema = objects.Single(o => o.Relation is null);
        if (!schema.MayUse)
            return LedgerErrors.Denied(session, $"GRANT USAGE ON SCHEMA woodgrove TO {User(session)}", "use schema woodgrove");
        foreach (string table in withParts ? [ImportLedger.Table, PartialBatch.Table] : new[] { ImportLedger.Table })
        {
            if (objects.Find(o => o.Relation == table) is { } found)
            {
                if (!found.MayUse)
                    return LedgerErrors.Denied(session, $"GRANT SELECT, INSERT, UPDATE, DELETE ON woodgrove.{table} TO {User(session)}",
                        $"write woodgrove.{table}");
            }
            else if (!schema.MayCreate)
                return LedgerErrors.Denied(session, $"GRANT CREATE ON SCHEMA woodgrove TO {User(session)}", $"create woodgrove.{table}");
        }
        return null;
    }

    /// <summary>Refuses a ledger that this user can't keep, or must not trust.</summary>
    /// <exception cref="CitusException">It names the owner or the missing privilege.</exception>
    public static async Task RequireAsync(NpgsqlConnection session, bool withParts, CancellationToken stop)
    {
        if (await ObstacleAsync(session, withParts, stop) is { } obstacle) throw obstacle;
    }

    /// <summary>Refuses a table of the schema, or the schema itself, whose owner could run code in this session through it.</summary>
    /// <exception cref="CitusException">It names the owner.</exception>
    public static async Task RequireTrustedAsync(NpgsqlConnection session, string table, CancellationToken stop)
    {
        foreach (LedgerObject item in await ReadAsync(session, stop, table))
            if (Distrust(item) is { } distrust) throw distrust;
    }

    /// <summary>Whether a table of the schema exists; needs no privilege.</summary>
    public static Task<bool> HasTableAsync(NpgsqlConnection session, string table, CancellationToken stop) =>
        session.ScalarAsync<bool>("""
            SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                           WHERE n.nspname OPERATOR(pg_catalog.=) 'woodgrove' AND c.relname OPERATOR(pg_catalog.=) $1::name)
            """, stop, table);

    /// <summary>Reads the ledger for somebody who only looks at it: false where there is none.</summary>
    /// <exception cref="CitusException">This user may not read it.</exception>
    public static async Task<bool> MayReadAsync(NpgsqlConnection session, CancellationToken stop)
    {
        List<LedgerObject> objects = await ReadAsync(session, stop);
        if (objects.Find(o => o.Relation == ImportLedger.Table) is not { } ledger) return false;
        if (Distrust(ledger) is { } distrust) throw distrust;
        if (!objects.Single(o => o.Relation is null).MayUse || !ledger.MayRead)
            throw LedgerErrors.Denied(session, $"GRANT USAGE ON SCHEMA woodgrove TO {User(session)}; "
                + $"GRANT SELECT ON woodgrove.{ImportLedger.Table} TO {User(session)}", "read the ledger of imports");
        return true;
    }

    /// <summary>Creates what is missing of the schema, in a transaction of its own, and refuses what is not to be trusted.</summary>
    public static async Task CreateAsync(NpgsqlConnection session, string table, string sql, CancellationToken stop)
    {
        bool exists = await HasTableAsync(session, table, stop);
        await RequireAsync(session, withParts: table == PartialBatch.Table, stop);
        if (exists) return;
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        await session.ExecuteAsync($"SELECT pg_catalog.pg_advisory_xact_lock({LockSpace}, 0); {sql}", stop);
        // Somebody else may have created the schema in the meantime.
        await RequireAsync(session, withParts: table == PartialBatch.Table, stop);
        await transaction.CommitAsync(stop);
    }

    private static CitusException? Distrust(LedgerObject item)
    {
        string name = item.Relation is null ? "Schema woodgrove" : $"Table woodgrove.{item.Relation}";
        string? why = !item.IsOwnerTrusted ? $"belongs to role '{item.Owner}', which could run code of its own in this session through it"
            : item.Relation is null ? null
            : item.Kind != 'r' && (Expected(item.Relation) is not null || item.Kind != 'p') ? "is not an ordinary table"
            : item.HasTriggers ? "has triggers that the module did not create"
            : item.HasRules ? "has rewrite rules that the module did not create"
            : item.HasRelatives && Expected(item.Relation) is not null ? "inherits from another table, or another inherits from it"
            : item.TriggerGrantee is { } grantee ? $"lets role '{grantee}' create triggers on it"
            : item.ForeignPolicy is { } policy ? $"has a row level security policy '{policy}' that the module did not create"
            : Expected(item.Relation) is { } expected && !expected.SequenceEqual(item.Columns)
            ? "has other columns than this version of the module creates"
            : null;
        if (why is null) return null;
        return LedgerErrors.NotTrusted(name, why);
    }

    private static string[]? Expected(string relation) => relation switch
    {
        ImportLedger.Table => BatchColumns,
        PartialBatch.Table => PartColumns,
        "restore_point" => RestorePointColumns,
        _ => null,
    };

    internal static string User(NpgsqlConnection session) => Quote(session.UserName ?? "CURRENT_USER");

    private static string Quote(string name) => TableName.Quote(name);

    private static async Task<List<LedgerObject>> ReadAsync(NpgsqlConnection session, CancellationToken stop, string? table = null)
    {
        // An owner who is a member of the session's role, or a superuser, can act as it already.
        return await session.ListAsync("""
            SELECT NULL::text, 'n'::"char", pg_catalog.pg_get_userbyid(n.nspowner)::text,
                   pg_catalog.pg_has_role(n.nspowner, r.oid, 'MEMBER') AND pg_catalog.pg_has_role(n.nspowner, s.oid, 'MEMBER'),
                   pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false, pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false, false,
                       false, NULL::text, NULL::text, '{}'::text[]
            FROM pg_catalog.pg_namespace n, pg_catalog.pg_roles r, pg_catalog.pg_roles s WHERE n.nspname = 'woodgrove'
                AND r.rolname = current_user AND s.rolname = session_user
            UNION ALL
            SELECT c.relname::text, c.relkind, pg_catalog.pg_get_userbyid(c.relowner)::text,
                   pg_catalog.pg_has_role(c.relowner, r.oid, 'MEMBER') AND pg_catalog.pg_has_role(c.relowner, s.oid, 'MEMBER'),
                   pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
                       AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') AND pg_catalog.has_table_privilege(c.oid, 'DELETE'),
                   pg_catalog.has_table_privilege(c.oid, 'SELECT'), false,
                   EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
                   EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid),
                   EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid OR i.inhrelid = c.oid),
                   (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
                       FROM pg_catalog.aclexplode(c.relacl) a
                    WHERE a.privilege_type = 'TRIGGER' AND a.grantee <> c.relowner
                      AND NOT (a.grantee <> 0 AND pg_catalog.pg_has_role(a.grantee, r.oid, 'MEMBER')) LIMIT 1),
                   (SELECT p.polname::text FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid
                       AND p.polname NOT IN ('own_rows', 'all_rows') LIMIT 1),
                   (SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid
                       AND a.attnum > 0 AND NOT a.attisdropped)
            FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n, pg_catalog.pg_roles r, pg_catalog.pg_roles s
            WHERE n.oid = c.relnamespace AND n.nspname = 'woodgrove' AND c.relname = ANY ($1::name[]) AND r.rolname = current_user
                AND s.rolname = session_user
            """, row => new LedgerObject(
                row.TextOrNull(0), row.GetChar(1), row.GetString(2), row.GetBoolean(3),
                row.GetBoolean(4), row.GetBoolean(5), row.GetBoolean(6),
                row.GetBoolean(7), row.GetBoolean(8), row.GetBoolean(9), row.TextOrNull(10),
                row.TextOrNull(11), row.GetFieldValue<string[]>(12)), stop,
                table is null ? new[] { ImportLedger.Table, PartialBatch.Table } : [table]);
    }

    private sealed record LedgerObject(
        string? Relation, char Kind, string Owner, bool IsOwnerTrusted, bool MayUse, bool MayRead, bool MayCreate, bool HasTriggers,
        bool HasRules, bool HasRelatives,
        string? TriggerGrantee, string? ForeignPolicy, string[] Columns);
}
