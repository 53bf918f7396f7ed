using Npgsql;
using NpgsqlTypes;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Catalog;

/// <summary>Which tables lie together, and why others do not.</summary>
public static class ColocationCatalog
{
    /// <summary>The groups of these tables, or all.</summary>
    /// <param name="withSizes">Asks the nodes, too.</param>
    /// <param name="warn">Receives sizes that could not be read.</param>
    public static async Task<IReadOnlyList<ColocationGroup>> GroupsAsync(
        CitusConnection connection, IReadOnlyList<string> names, bool withSizes, Action<string> warn, CancellationToken stop,
        bool module = false)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        List<TableInfo> tables = await ClusterMetadata.FindAsync(connection, session, names, stop);
        if (tables.Find(t => t.ColocationId == 0) is { } local) throw CatalogErrors.NoColocationGroup(local);
        ShardSizes sizes = withSizes ? await ShardSizes.ReadAsync(connection, session, [], warn, stop) : ShardSizes.Unread;
        return await ReadAsync(session, tables.Count == 0 ? null : [.. tables.Select(t => t.ColocationId!.Value)], sizes, stop, module);
    }

    /// <summary>Each of the other tables against the first; of three or more, the first that is no reference table.</summary>
    public static async Task<IReadOnlyList<ColocationTest>> TestAsync(CitusConnection connection, IReadOnlyList<string> names,
        CancellationToken stop)
    {
        if (names.Count < 2) throw CatalogErrors.OneTable();
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        var tables = new List<TableInfo>();
        foreach (string name in names) tables.Add(await TableCatalog.FindAsync(connection, session, TableName.Parse(name), stop));
        Dictionary<int, ColocationGroup> groups = (await ReadAsync(session, [.. tables.Select(t => t.ColocationId ?? -1)],
            ShardSizes.Unread, stop)).ToDictionary(g => g.ColocationId);
        Dictionary<uint, string> collations = await CollationsAsync(session, tables, stop);
        var keys = new Dictionary<uint, List<(string Drop, string? Add)>>();
        foreach (TableInfo table in tables) keys[table.Oid] = await TableCatalog.ForeignKeysAsync(session, table.Oid, stop);
        // A reference table lies beside every other: to compare with it would tell nothing of the others.
        TableInfo first = (tables.Count > 2 ? tables.Find(t => t.Kind != TableKind.Reference) : null) ?? tables[0];
        return [.. tables.Where(t => t != first).Select(t => Compare(first, t, groups, collations, keys[t.Oid]))];
    }

    /// <summary>Those of distribution columns; what pg_dist_colocation has is at times that of the type.</summary>
    private static async Task<Dictionary<uint, string>> CollationsAsync(NpgsqlConnection session, IEnumerable<TableInfo> tables,
        CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT a.attrelid, a.attcollation::regcollation::text FROM unnest($1::oid[], $2::text[]) t (relation, key)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attname = t.key AND a.attcollation <> 0
            """, session);
        TableInfo[] distributed = [.. tables.DistinctBy(t => t.Oid).Where(t => t.DistributionColumn is not null)];
        command.Parameters.Add(new() { Value = distributed.Select(t => t.Oid).ToArray(),
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Oid });
        command.Parameters.Add(new() { Value = distributed.Select(t => t.DistributionColumn!).ToArray(),
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var collations = new Dictionary<uint, string>();
        while (await row.ReadAsync(stop)) collations[row.GetFieldValue<uint>(0)] = row.GetString(1);
        return collations;
    }

    private static ColocationTest Compare(TableInfo a, TableInfo b, Dictionary<int, ColocationGroup> groups,
        Dictionary<uint, string> collations, List<(string Drop, string? Add)> keys)
    {
        if (new[] { a, b }.FirstOrDefault(t => t.ColocationId is null or 0) is { } plain)
        {
            TableInfo other = plain == a ? b : a;
            return No(ColocationReason.NotDistributed, $"{plain.Display} is a plain table of the node that one is connected to.",
                other.Kind == TableKind.Distributed
                    ? CatalogErrors.DistributeBeside(plain, other, TypeOf(other)) : null);
        }
        (ColocationGroup mine, ColocationGroup others) = (groups[a.ColocationId!.Value], groups[b.ColocationId!.Value]);
        if (mine.ColocationId == others.ColocationId)
        {
            return Yes(ColocationReason.SameGroup, a.Kind == TableKind.Reference ? "Both are reference tables, with a copy on every node."
                : $"Both are of colocation group {mine.ColocationId}: "
                    + $"{(mine.DistributionColumnType is null ? "their rows are on the same node" : $"rows with equal {a.DistributionColumn} and {b.DistributionColumn} are on the same node")}.");
        }
        if (a.Kind == TableKind.Reference || b.Kind == TableKind.Reference)
            return Yes(ColocationReason.Reference,
                $"{(a.Kind == TableKind.Reference ? a : b).Display} is a reference table: each node has a copy of it beside the rows of "
                    + $"{(a.Kind == TableKind.Reference ? b : a).Display}.");
        if (a.Kind != TableKind.Distributed || b.Kind != TableKind.Distributed)
            return No(ColocationReason.OtherKind,
                $"{a.Display} is a {a.Kind} table and {b.Display} a {b.Kind} table, "
                    + $"of groups {mine.ColocationId} and {others.ColocationId}.", null);

        string colocate = TableAdvice.Set(b.Display, colocateWith: a.Display);
        if (mine.DistributionColumnType != others.DistributionColumnType)
        {
            return No(ColocationReason.ColumnType,
                $"{a.Display} is distributed by {a.DistributionColumn} of type {mine.DistributionColumnType}, "
                    + $"{b.Display} by {b.DistributionColumn} of type {others.DistributionColumnType}: "
                    + "equal values of the two hash differently.",
                Retype(mine.DistributionColumnType!));
        }
        if (collations.GetValueOrDefault(a.Oid) is { } collation && collations.GetValueOrDefault(b.Oid) is { } othersCollation
            && collation != othersCollation)
        {
            return No(ColocationReason.Collation,
                $"{a.Display}.{a.DistributionColumn} has the collation {collation}, "
                    + $"{b.Display}.{b.DistributionColumn} has {othersCollation}: Citus colocates only those of one collation.",
                Retype($"{TypeOf(b)} COLLATE {collation}"));
        }
        if (mine.ShardCount != others.ShardCount)
            return No(ColocationReason.ShardCount,
                $"{a.Display} has {mine.ShardCount} shards, {b.Display} has {others.ShardCount}: their hash ranges differ.", colocate);
        if (mine.ReplicationFactor != others.ReplicationFactor)
            return No(ColocationReason.Replication,
                $"Each shard of {a.Display} is kept {mine.ReplicationFactor} time(s), of {b.Display} {others.ReplicationFactor} time(s).",
                colocate);
        return No(ColocationReason.SeparateGroups,
            $"They could be colocated, but they are in the groups {mine.ColocationId} and {others.ColocationId}: "
                + "one was distributed apart from the other (colocate_with none).", colocate);

        // A local table can have no foreign keys to and from distributed ones.
        string Retype(string type) => string.Join("; ",
            [.. keys.Select(k => TableAdvice.Run(k.Drop)), TableAdvice.ToLocal(b.Display, cascade: false),
                TableAdvice.Run($"ALTER TABLE {b.Name} ALTER COLUMN {TableName.QuoteIfNeeded(b.DistributionColumn!)} TYPE {type}"),
                TableAdvice.Distribute(b.Display, b.DistributionColumn!, a.Display),
                .. keys.Select(k => k.Add).OfType<string>().Select(TableAdvice.Run)]);
        ColocationTest Yes(ColocationReason reason, string why) => new(a.Display, b.Display, true, reason, why, null);
        ColocationTest No(ColocationReason reason, string why, string? fix) => new(a.Display, b.Display, false, reason, why, fix);
    }

    private static string TypeOf(TableInfo table) => table.FindColumn(table.DistributionColumn!)!.TypeName;

    private static async Task<IReadOnlyList<ColocationGroup>> ReadAsync(NpgsqlConnection session, int[]? ids, ShardSizes sizes,
        CancellationToken stop, bool module = true)
    {
        await using var command = new NpgsqlCommand($"""
            SELECT p.colocationid, min(p.partmethod), min(p.repmodel), bool_or(d.colocationid IS NOT NULL),
                   CASE WHEN min(c.distributioncolumntype::int8) > 0 THEN pg_catalog.format_type(min(c.distributioncolumntype::int8)::oid,
                       NULL) END,
                   coalesce(min(c.shardcount), max(s.shards))::int, coalesce(min(c.replicationfactor), 1),
                   CASE WHEN count(s.size) = count(*) THEN sum(s.size)::bigint END,
                   pg_catalog.array_agg({SearchPath.Show("p.logicalrelid")} ORDER BY {SearchPath.Show("p.logicalrelid")})
            FROM pg_catalog.pg_dist_partition p
            LEFT JOIN pg_catalog.pg_dist_colocation c ON c.colocationid = p.colocationid
            LEFT JOIN pg_catalog.pg_dist_schema d ON d.colocationid = p.colocationid
            LEFT JOIN (SELECT d.logicalrelid::oid AS relation, count(DISTINCT d.shardid) AS shards, {ShardSizes.Sum} AS size
                       FROM pg_catalog.pg_dist_shard d
                       JOIN pg_catalog.pg_dist_placement l ON l.shardid = d.shardid AND l.shardstate = 1
                       JOIN pg_catalog.pg_dist_node n ON n.groupid = l.groupid AND n.noderole = 'primary'
                       {ShardSizes.Join}
                       GROUP BY 1) s ON s.relation = p.logicalrelid
            WHERE p.colocationid > 0 AND ($4::int[] IS NULL OR p.colocationid = ANY ($4))
                AND {(module ? "true" : ModuleSchema.IsNotOf("p.logicalrelid"))}
            GROUP BY p.colocationid ORDER BY p.colocationid
            """, session);
        sizes.AddTo(command);
        command.Parameters.Add(new() { Value = (object?)ids ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var groups = new List<ColocationGroup>();
        while (await row.ReadAsync(stop))
        {
            groups.Add(new ColocationGroup(row.GetInt32(0),
                DistributedTable.KindOf(row.GetChar(1), row.GetChar(2), row.GetBoolean(3), row.GetInt32(0)),
                await row.IsDBNullAsync(4, stop) ? null : row.GetString(4), row.GetInt32(5), row.GetInt32(6),
                await row.IsDBNullAsync(7, stop) ? null : row.GetInt64(7), await row.GetFieldValueAsync<string[]>(8, stop)));
        }
        return groups;
    }
}
