using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Plans to remove the rows that were in a table before it was distributed, and that stay behind on the coordinator.</summary>
public sealed record LocalDataRemoval(CitusConnection Connection, TableName Table)
{
    /// <exception cref="Errors.CitusException">Citus would refuse it.</exception>
    public async Task<ClusterChange> PlanAsync(CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(Connection, stop);
        TableInfo table = await TableCatalog.FindAsync(Connection, session, Table, stop);
        if (table.Kind == TableKind.Local) throw CatalogErrors.PlainTable(table);
        // No query can count them: all of Citus read the shards. ANALYZE counts them in pg_class, the load in the statistics.
        (long bytes, long rows) = await session.FirstAsync("""
            SELECT sum(pg_catalog.pg_relation_size(c.oid) - CASE m.amname WHEN 'columnar' THEN 16384 ELSE 0 END)::bigint,
                sum(greatest(c.reltuples, pg_catalog.pg_stat_get_live_tuples(c.oid)))::bigint
            FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
            WHERE c.relkind = 'r' AND c.oid = ANY (SELECT $1::oid UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::oid))
            """, row => row.IsDBNull(0) ? (0, 0) : (row.GetInt64(0), row.GetInt64(1)), stop, table.Oid);
        List<ForeignKey> keys = await ForeignKey.ReadAsync(session, [table.Oid], stop);
        keys.RemoveAll(k => k.To != table.Oid || k.IsOfOneTable);
        HashSet<uint> known = [.. await session.ListAsync("""
            SELECT logicalrelid::oid FROM pg_catalog.pg_dist_partition WHERE partmethod <> 'n' OR repmodel = 't' OR colocationid > 0
            """, row => row.GetFieldValue<uint>(0), stop)];
        ForeignKey[] local = [.. keys.Where(k => !known.Contains(k.From))];
        if (bytes > 0 && local.Length > 0) throw TableChangeErrors.LocalReferences(table.Display, local);
        string size = FormattableString.Invariant($"{bytes:N0} bytes")
            + (rows > 0 ? FormattableString.Invariant($", by the statistics about {rows:N0} rows") : "");
        string literal = TableName.Literal(table.Name.ToString());
        return new ClusterChange
        {
            Action = $"Remove what {table.Display} had before it was distributed from the coordinator ({size})",
            Target = table.Display,
            Sql = bytes > 0 ? [$"SELECT pg_catalog.truncate_local_data_after_distributing_table({literal})"] : [],
            Tables = [table.Display],
            Locks = bytes > 0 ? [$"Readers and writers of {table.Display} wait for a moment (ACCESS EXCLUSIVE lock)."] : [],
            Losses = keys.Count > 0 && bytes > 0
                ? [$"The same is removed of {string.Join(", ", keys.Select(k => k.FromTable).Distinct())}, which refer to it."] : [],
        };
    }
}
