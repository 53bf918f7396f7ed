using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Transfer;

/// <summary>
/// Secondary indexes and foreign keys of an empty table, which are dropped before its rows come and recreated after them.
/// Those of partitions are made before their table's, which then takes them as its own under the names that they had.
/// </summary>
internal static class DeferredIndexes
{
    private const string Definitions = """
        WITH tables AS (
            SELECT t.relid::oid, t.level FROM pg_catalog.pg_partition_tree($1::oid::pg_catalog.regclass) t
            UNION SELECT $1::oid, 0
        )
        (SELECT CASE WHEN NOT i.relispartition THEN pg_catalog.format('DROP INDEX %I.%I', n.nspname, i.relname) END,
            pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(i.oid),
                    '^(CREATE (UNIQUE )?INDEX ("([^"]|"")*"|\S+) ON )ONLY ', '\1')
                || coalesce('; COMMENT ON INDEX ' || pg_catalog.format('%I.%I IS ', n.nspname, i.relname)
                    || pg_catalog.quote_literal(pg_catalog.obj_description(i.oid, 'pg_class')), ''), false
        FROM tables t JOIN pg_catalog.pg_index x ON x.indrelid = t.relid JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
        WHERE NOT ($2 AND x.indisunique) AND NOT EXISTS (
            SELECT FROM (SELECT i.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(pg_catalog.pg_partition_root(i.oid)) p) a (oid)
                JOIN pg_catalog.pg_index y ON y.indexrelid = a.oid
            -- pg_get_indexdef does not tell the tablespace.
            WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = y.indexrelid AND c.reltablespace <> 0)
                OR y.indisprimary OR y.indisreplident OR y.indisclustered OR NOT y.indisvalid
                OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = y.indexrelid))
        ORDER BY t.level DESC, i.oid)
        UNION ALL
        SELECT pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::pg_catalog.regclass, k.conname),
            pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.conrelid::pg_catalog.regclass, k.conname,
                pg_catalog.pg_get_constraintdef(k.oid))
                || coalesce('; COMMENT ON CONSTRAINT ' || pg_catalog.format('%I ON %s IS ', k.conname, k.conrelid::pg_catalog.regclass)
                    || pg_catalog.quote_literal(pg_catalog.obj_description(k.oid, 'pg_constraint')), ''), true
        FROM tables t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.relid
        WHERE k.contype = 'f' AND k.conparentid = 0
        """;

    /// <summary>Drops what a table can do without while its rows come.</summary>
    /// <param name="keepsUnique">Keeps unique indexes, by which rows are compared.</param>
    /// <returns>Why nothing was dropped, or null.</returns>
    public static async Task<string?> DropAsync(NpgsqlConnection session, TableInfo table, Guid importId, bool keepsUnique,
        CancellationToken stop)
    {
        if ((await DeferredDefinition.PendingAsync(session, importId, stop)).Count > 0) return null; // by an earlier run
        if (await session.ScalarAsync<int?>($"SELECT 1 FROM {table.Name.Sql} LIMIT 1", stop) is not null) return "it has rows already";
        var found = await session.ListAsync(Definitions, row => (Drop: row.TextOrNull(0), Make: row.GetString(1),
            IsKey: row.GetBoolean(2)), stop, table.Oid, keepsUnique);
        if (found.Count == 0) return null;
        await DeferredDefinition.CreateTableAsync(session, stop);
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        // After DDL on many shards at once, Citus takes no change of a foreign key to a reference table. A local table that only the
        // key ties to one is to stay in Citus's metadata: to remove it, Citus would replace it by another table.
        await session.ExecuteAsync("SET LOCAL citus.multi_shard_modify_mode = 'sequential'; "
            + $"SET LOCAL citus.enable_local_reference_table_foreign_keys = off; {DdlPropagation.OnAllNodes}", stop);
        for (int i = 0; i < found.Count; i++)
            await new DeferredDefinition(i, found[i].Make, found[i].IsKey).KeepAsync(session, importId, table.Name.ToString(), stop);
        foreach ((string? drop, _, _) in found)
            if (drop is not null) await session.ExecuteAsync(drop, stop); // and with it those of the partitions
        await transaction.CommitAsync(stop);
        return null;
    }

    /// <summary>Refuses an import of another role, whose definitions this one could not recreate at its end.</summary>
    public static async Task RequireOwnAsync(NpgsqlConnection session, Guid importId, string table, CancellationToken stop)
    {
        if (await DeferredDefinition.OtherOwnerAsync(session, importId, stop) is { } role)
            throw CopyErrors.DeferredByOther(importId, table, role);
    }

    /// <summary>Recreates what was dropped of an import's table; one that somebody else has made meanwhile stays as it is.</summary>
    /// <param name="table">For messages.</param>
    /// <param name="keys">The foreign keys, or the indexes.</param>
    /// <returns>The time that it took; null where there is nothing.</returns>
    /// <exception cref="CitusException">It has the statements that are still to be run.</exception>
    public static async Task<TimeSpan?> RestoreAsync(CitusConnection target, string table, Guid importId, bool keys,
        Action<string>? explain, CancellationToken stop)
    {
        await using NpgsqlConnection session = await target.OpenSessionAsync(stop);
        List<DeferredDefinition> left = (await DeferredDefinition.PendingAsync(session, importId, stop)).FindAll(d => d.IsKey == keys);
        try
        {
            return await DeferredDefinition.RestoreAsync(session, importId, left, LedgerErrors.IsMade, explain, stop);
        }
        catch (CitusException e)
        {
            throw e.With($"All rows of {table} are copied. {e.What}", e.Advice);
        }
    }

    /// <summary>Whether foreign keys of a table wait until all tables have their rows.</summary>
    public static async Task<bool> HasKeysAsync(CitusConnection target, Guid importId, CancellationToken stop)
    {
        await using NpgsqlConnection session = await target.OpenSessionAsync(stop);
        return (await DeferredDefinition.PendingAsync(session, importId, stop)).Exists(d => d.IsKey);
    }
}
