using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class InvalidIndexes() : CitusCheck(CheckCategory.Shards,
    "No node has an invalid index.",
    "A CREATE INDEX CONCURRENTLY that fails leaves one behind: writes keep it up to date, no query uses it, and a unique one guarantees nothing.")
{
    private static readonly Question<Index> Indexes = new(Ask.EveryNode, $"""
        SELECT {SearchPath.Show("i.indexrelid")} AS name, {SearchPath.Show("i.indrelid")} AS "table", i.indisunique AS is_unique, pg_catalog.pg_relation_size(i.indexrelid) AS size_bytes
        FROM pg_catalog.pg_index i
        WHERE NOT i.indisvalid AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index b WHERE b.index_relid = i.indexrelid)
        """);

    public override IReadOnlyList<Question> Questions => [Indexes];

    public override Verdict Decide(Facts facts) => Verdict.Unless(facts.Of(Indexes), CheckStatus.Failed, "indisvalid everywhere", "no invalid index",
        invalid => $"{invalid.Count} invalid: {Verdict.List(invalid.Select(i => $"{i.Name} on {i.Node}"))}",
        invalid => Verdict.Lines(invalid.OrderBy(i => i.Name.Length), i => $"DROP INDEX IF EXISTS {i.Name}; -- on the coordinator, then create it again; IF EXISTS because the workers may lack it", 1));

    public sealed record Index(string Node, string Name, string Table, bool IsUnique, long SizeBytes);
}
