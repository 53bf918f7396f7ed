using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Transfer;

/// <summary>What a server says of a type, as far as it matters to another.</summary>
/// <param name="Signature">Its name with those that it is made of: equal on two servers where its values are written alike.</param>
/// <param name="Category">As in pg_type.typcategory.</param>
/// <param name="HasPortableBinary">
/// The binary form of its values means the same on another server. It does not where it holds OIDs (regclass and its like,
/// composite types, arrays of types that were created), nor is it known of the types of extensions;
/// empty vectors and empty tsqueries are not read.
/// </param>
internal sealed record TypeFacts(string Signature, char Category, bool HasPortableBinary)
{
    /// <summary>The facts of some types, in their order.</summary>
    public static async Task<List<TypeFacts>> ReadAsync(NpgsqlConnection session, uint[] types, CancellationToken stop) =>
        await session.ListAsync("""
            WITH RECURSIVE made AS (
                SELECT n AS place, 0 AS depth, t AS type FROM pg_catalog.unnest($1::oid[]) WITH ORDINALITY u (t, n)
                UNION ALL
                SELECT m.place, m.depth + 1, CASE y.typtype WHEN 'd' THEN y.typbasetype
                    WHEN 'r' THEN (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = y.oid)
                    WHEN 'm' THEN (SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = y.oid)
                    ELSE y.typelem END
                FROM made m JOIN pg_catalog.pg_type y ON y.oid = m.type WHERE y.typtype IN ('d', 'r', 'm') OR y.typcategory = 'A'
            )
            SELECT pg_catalog.string_agg(pg_catalog.format_type(y.oid, NULL), ' of ' ORDER BY m.depth),
                   pg_catalog.min(y.typcategory::text) FILTER (WHERE m.depth = 0),
                   pg_catalog.bool_and(y.typsend <> 0 AND y.typreceive <> 0 AND y.typname !~ '^(_?reg|oidvector|int2vector|tsquery)'
                       AND (y.typtype IN ('d', 'e', 'r', 'm') OR (y.typtype = 'b' AND y.oid < 16384)))
            FROM made m JOIN pg_catalog.pg_type y ON y.oid = m.type GROUP BY m.place ORDER BY m.place
            """, row => new TypeFacts(row.GetString(0), row.GetString(1)[0], row.GetBoolean(2)), stop, types);

    /// <summary>Whether the input function of a type can be expected to read what the other writes.</summary>
    public bool CanBeReadAs(TypeFacts target) => Signature == target.Signature || Category == target.Category || target.Category == 'S';
}
