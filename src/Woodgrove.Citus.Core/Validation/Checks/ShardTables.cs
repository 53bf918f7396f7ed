namespace Woodgrove.Citus.Validation.Checks;

/// <summary>SQL that tells the tables of shards from others, for facts that a node's own catalogs have of both.</summary>
internal static class ShardTables
{
    /// <summary>True of a relation that is no shard's: its distributed table stands for all of them.</summary>
    /// <param name="name">SQL of its name.</param>
    public static string IsNone(string name) =>
        "NOT EXISTS (SELECT FROM pg_catalog.pg_dist_shard known_s JOIN pg_catalog.pg_class known_t ON known_t.oid = known_s.logicalrelid "
            + "WHERE known_s.shardid = pg_catalog.substring(" + name + "::text, '_([0-9]{1,18})$')::bigint "
            // Of a long name a shard has the beginning.
            + "AND pg_catalog.starts_with(" + name + "::text, pg_catalog.left(known_t.relname::text, 10)))";
}
