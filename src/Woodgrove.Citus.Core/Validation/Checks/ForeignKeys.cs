using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ForeignKeys() : CitusCheck(CheckCategory.Tables,
    "Every foreign key between distributed tables holds the distribution columns of both, which are colocated.",
    "Only then are a row and the row it refers to on one node. Any other key is in the coordinator's catalog only, "
        + "and no node enforces it.")
{
    private static readonly Question<Key> Keys = new(Ask.Cluster, $"""
        SELECT k.conname AS name, {SearchPath.Show("k.conrelid")} AS "table", {SearchPath.Show("k.confrelid")} AS refers_to,
            pg_catalog.pg_get_constraintdef(k.oid) AS definition
        FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_dist_partition a ON a.logicalrelid = k.conrelid AND a.partmethod = 'h'
        JOIN pg_catalog.pg_attribute ak ON ak.attrelid = k.conrelid
            AND ak.attname = pg_catalog.column_to_column_name(a.logicalrelid, a.partkey)
        LEFT JOIN pg_catalog.pg_dist_partition b ON b.logicalrelid = k.confrelid
        LEFT JOIN pg_catalog.pg_attribute bk ON bk.attrelid = k.confrelid
            AND bk.attname = pg_catalog.column_to_column_name(b.logicalrelid, b.partkey)
        WHERE {ModuleSchema.IsNotOf("k.conrelid")} AND k.contype = 'f' AND k.conparentid = 0 AND NOT coalesce(b.partmethod = 'n' AND b.repmodel = 't', false)
          AND NOT coalesce(a.colocationid = b.colocationid
              AND EXISTS (SELECT FROM pg_catalog.generate_subscripts(k.conkey, 1) i WHERE k.conkey[i] = ak.attnum
                  AND k.confkey[i] = bk.attnum), false)
        ORDER BY 2, 1
        """);

    public override IReadOnlyList<Question> Questions => [Keys];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Keys), CheckStatus.Failed, "distribution columns in each foreign key", "every key holds them",
        wrong => $"not enforced: {Verdict.List(wrong.Select(k => $"{k.Name} of {k.Table}"))}",
        wrong => Verdict.Lines(wrong, k => $"ALTER TABLE {k.Table} DROP CONSTRAINT IF EXISTS {TableName.QuoteIfNeeded(k.Name)}; "
            + $"-- then add it again with the distribution columns, or make {k.RefersTo} a reference table; IF EXISTS because the shards lack it"));

    public sealed record Key(string Name, string Table, string RefersTo, string Definition);
}
