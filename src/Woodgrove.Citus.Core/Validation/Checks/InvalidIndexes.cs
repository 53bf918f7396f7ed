using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class InvalidIndexes() : CitusCheck(CheckCategory.Shards,
    "No node has an invalid index.",
    "A CREATE INDEX CONCURRENTLY that fails leaves one behind: writes keep it up to date, no query uses it, "
        + "and a unique one guarantees nothing.")
{
    private static readonly Question<Index> Indexes = new(Ask.EveryNode, $"""
        SELECT {SearchPath.Show("i.indexrelid")} AS name, {SearchPath.Show("i.indrelid")} AS "table", i.indisunique AS is_unique,
            pg_catalog.pg_relation_size(i.indexrelid) AS size_bytes,
               (SELECT {SearchPath.Show("s.logicalrelid")} FROM pg_catalog.pg_dist_shard s
                WHERE s.shardid = pg_catalog.substring(t.relname::text, '_([0-9]{"{1,18}"})$')::bigint
                    AND t.relkind IN ('r', 'p')) AS shard_of
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
        WHERE {ModuleSchema.IsNotOf("t.oid")} AND NOT i.indisvalid AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index b WHERE b.index_relid = i.indexrelid)
        ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Indexes];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Indexes), CheckStatus.Failed, "indisvalid everywhere", "no invalid index",
        invalid => $"{invalid.Count} invalid: {Verdict.List(invalid.Select(i => $"{i.Name} on {i.Node}"))}",
        Fix);

    /// <summary>
    /// An index of a table is dropped with those of its shards. Where only a shard's is invalid, it is built again
    /// where it lies.
    /// </summary>
    private static string Fix(IReadOnlyList<Index> invalid)
    {
        HashSet<string> tables = [.. invalid.Where(i => i.ShardOf is null).Select(i => i.Table)];
        return string.Join('\n', [
            .. invalid.Where(i => i.ShardOf is null)
                .Select(i => $"DROP INDEX IF EXISTS {i.Name}; -- on the coordinator, then create it again; "
                    + "IF EXISTS because the workers may lack it").Distinct(),
            .. invalid.Where(i => i.ShardOf is { } table && !tables.Contains(table))
                .Select(i => $"REINDEX INDEX {i.Name}; -- on {i.Node}: it is the index of a shard of {i.ShardOf}")]);
    }

    /// <param name="ShardOf">The distributed table where <paramref name="Table"/> is a shard of it, or null.</param>
    public sealed record Index(string Node, string Name, string Table, bool IsUnique, long SizeBytes, string? ShardOf);
}
