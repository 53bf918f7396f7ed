using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>A trigger that fires for inserted rows.</summary>
/// <param name="Disable">The SQL that disables it.</param>
/// <param name="Enable">The SQL that enables it again as it is now.</param>
internal sealed record FiringTrigger(string Name, string Disable, string Enable)
{
    /// <summary>The triggers of a table and its partitions.</summary>
    public static async Task<IReadOnlyList<FiringTrigger>> ReadAsync(NpgsqlConnection session, uint table, CancellationToken stop) =>
        await session.ListAsync("""
            SELECT t.tgname::text, pg_catalog.format('ALTER TABLE %I.%I DISABLE TRIGGER %I;', n.nspname, c.relname, t.tgname),
                pg_catalog.format('ALTER TABLE %I.%I ENABLE %sTRIGGER %I;', n.nspname, c.relname,
                    CASE t.tgenabled WHEN 'A' THEN 'ALWAYS ' WHEN 'R' THEN 'REPLICA ' ELSE '' END, t.tgname)
            FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            -- A partition's copy of its table's trigger is disabled with that.
            WHERE (t.tgparentid = 0 OR t.tgrelid = $1::oid) AND t.tgrelid IN (SELECT $1::oid
                    UNION SELECT p.relid FROM pg_catalog.pg_partition_tree($1::oid::pg_catalog.regclass) p)
                AND NOT t.tgisinternal AND t.tgtype::int & 4 <> 0 AND (t.tgenabled = 'A' OR t.tgenabled =
                    CASE pg_catalog.current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END) ORDER BY 1, 2
            """, row => new FiringTrigger(row.GetString(0), row.GetString(1), row.GetString(2)), stop, table);
}
