using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>A foreign key, as its table has it; those of partitions are its parts.</summary>
/// <param name="IsToReference">Whether it refers to a reference table, which each node has beside the referencing rows.</param>
internal sealed record ForeignKey(string Name, uint From, string FromTable, uint To, string ToTable, bool IsToReference)
{
    /// <summary>Whether a table refers to itself.</summary>
    public bool IsOfOneTable => From == To;

    /// <summary>Those of these tables, and those to them.</summary>
    public static Task<List<ForeignKey>> ReadAsync(NpgsqlConnection session, uint[] tables, CancellationToken stop) =>
        session.ListAsync($"""
            SELECT k.conname, k.conrelid, {SearchPath.Show("k.conrelid")}, k.confrelid, {SearchPath.Show("k.confrelid")},
                coalesce(p.partmethod = 'n' AND p.repmodel = 't', false)
            FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = k.confrelid
            WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid = ANY ($1) OR k.confrelid = ANY ($1)) ORDER BY 3, 1
            """, row => new ForeignKey(row.GetString(0), row.GetFieldValue<uint>(1), row.GetString(2), row.GetFieldValue<uint>(3),
                row.GetString(4), row.GetBoolean(5)), stop, tables);

    /// <summary>The tables of Citus that foreign keys link with this one, directly or by others; itself first.</summary>
    public static Task<List<(uint Oid, string Table)>> LinkedAsync(NpgsqlConnection session, uint table, CancellationToken stop) =>
        session.ListAsync($"""
            WITH RECURSIVE linked (oid) AS (
                SELECT $1::oid UNION
                SELECT CASE WHEN k.conrelid = l.oid THEN k.confrelid ELSE k.conrelid END
                FROM linked l JOIN pg_catalog.pg_constraint k ON k.contype = 'f' AND l.oid IN (k.conrelid, k.confrelid))
            SELECT l.oid, {SearchPath.Show("l.oid")} FROM linked l
            JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = l.oid
            JOIN pg_catalog.pg_class c ON c.oid = l.oid AND NOT c.relispartition
            ORDER BY l.oid <> $1::oid, 2
            """, row => (row.GetFieldValue<uint>(0), row.GetString(1)), stop, table);

    public override string ToString() => $"{Name} ({FromTable} to {ToTable})";
}
