using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>What decides whether Citus can rewrite a table, and what the new table will lack.</summary>
/// <param name="Parent">The table of which it is a partition, or null.</param>
/// <param name="IdentityColumn">The first of its columns that are identities, or null.</param>
/// <param name="HasColumnar">Whether the database has columnar tables.</param>
/// <param name="HasComments">Whether it or a column has one.</param>
/// <param name="Functions">Those that take or return its rows.</param>
/// <param name="OtherIndexes">Its indexes that a columnar table can't have.</param>
internal sealed record RewriteFacts(
    string? Parent, string? IdentityColumn, bool IsPartitioned, string AccessMethod, bool HasColumnar, bool HasComments,
    string[] Functions, string[] OtherIndexes)
{
    public static async Task<RewriteFacts> ReadAsync(NpgsqlConnection session, uint table, CancellationToken stop) =>
        (await session.FirstAsync($"""
            SELECT (SELECT {SearchPath.Show("i.inhparent")} FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition),
                (SELECT a.attname::text FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attidentity <> '' AND NOT a.attisdropped ORDER BY a.attnum LIMIT 1),
                c.relkind = 'p', coalesce(m.amname::text, 'heap'), EXISTS (SELECT FROM pg_catalog.pg_am WHERE amname = 'columnar'),
                EXISTS (SELECT FROM pg_catalog.pg_description d WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid),
                ARRAY(SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, 0) FROM pg_catalog.pg_depend d
                    JOIN pg_catalog.pg_type t ON t.oid = c.reltype
                    WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.refclassid = 'pg_catalog.pg_type'::regclass
                        AND d.refobjid IN (t.oid, t.typarray) ORDER BY 1),
                ARRAY(SELECT i.relname::text FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
                    JOIN pg_catalog.pg_am a ON a.oid = i.relam
                    WHERE x.indrelid = c.oid AND a.amname NOT IN ('btree', 'hash') ORDER BY 1)
            FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam WHERE c.oid = $1::oid
            """, row => new RewriteFacts(row.TextOrNull(0), row.TextOrNull(1), row.GetBoolean(2), row.GetString(3), row.GetBoolean(4),
                row.GetBoolean(5), row.GetFieldValue<string[]>(6), row.GetFieldValue<string[]>(7)), stop, table))!;

    /// <exception cref="Errors.CitusException">Citus does not rewrite such a table.</exception>
    public void Refuse(string table)
    {
        if (Parent is not null) throw TableChangeErrors.Partition(table, Parent);
        if (IdentityColumn is not null) throw TableChangeErrors.Identity(table, IdentityColumn);
    }

    /// <summary>What the table that Citus makes in its place lacks, in sentences.</summary>
    public IEnumerable<string> Losses(string table)
    {
        foreach (string function in Functions) yield return $"The {function} is dropped, because it uses the type of {table}'s rows.";
        if (HasComments) yield return $"Comments on {table} and on its columns are lost.";
    }

    /// <summary>Who waits while a table is rewritten.</summary>
    public static string[] Locks(string tables) =>
        [$"Writers of {tables} wait from the start to the end (EXCLUSIVE lock), readers for the moment at the end when the new table "
            + "takes the place of the old one (ACCESS EXCLUSIVE lock)."];
}
