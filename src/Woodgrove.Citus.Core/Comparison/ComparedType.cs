using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Comparison;

/// <summary>A column's type, to be told from that of another database.</summary>
/// <param name="Name">As <c>format_type</c> writes it, modifiers included.</param>
/// <param name="Kind">
/// Without modifiers, which each type writes as it likes; of an extension, the extension's name and the type's: databases may have the
/// same extension in different schemas.
/// </param>
internal sealed record ComparedType(string Name, string Kind)
{
    /// <summary>Types of one of these write equal values as equal texts.</summary>
    private static readonly string[][] Families =
        [["smallint", "integer", "bigint"], ["text", "character varying"]];

    /// <summary>The type of a single byte, above 127 written as an octal number from PostgreSQL 16 on, and before as the byte.</summary>
    public bool IsByte => Kind == "\"char\"";

    /// <summary>Whether equal values of both types are equal texts.</summary>
    // char(n) is written with its padding.
    public bool WritesAlike(ComparedType other) => Name == other.Name || (Kind == other.Kind && Kind is not ("character" or "character[]"))
        || Families.Any(f => f.Contains(Kind) && f.Contains(other.Kind));

    /// <summary>The types of a table's columns, by the columns' names.</summary>
    public static async Task<IReadOnlyDictionary<string, ComparedType>> ReadAsync(NpgsqlConnection session, uint table,
        CancellationToken stop) => (await session.ListAsync("""
            SELECT a.attname, pg_catalog.format_type(t.oid, a.atttypmod), coalesce(
                (SELECT e.extname || ': ' || b.typname || CASE WHEN b.oid = t.oid THEN '' ELSE '[]' END
                 FROM pg_catalog.pg_type b
                 JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = b.oid AND d.deptype = 'e'
                 JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                 WHERE b.oid = CASE t.typcategory WHEN 'A' THEN t.typelem ELSE t.oid END), pg_catalog.format_type(t.oid, NULL))
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = $1::oid AND a.attnum > 0
            """, row => (Column: row.GetString(0), Type: new ComparedType(row.GetString(1), row.GetString(2))), stop, table))
            .ToDictionary(c => c.Column, c => c.Type);
}
