using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ReplicaIdentity() : CitusCheck(CheckCategory.Tables,
    "Every distributed table has a primary key or another replica identity.",
    "A shard moves online by logical replication, which needs one for UPDATE and DELETE. Without it a move of the table, "
        + "and of all colocated ones, is refused or blocks writes.")
{
    private static readonly Question<Table> Tables = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("p.logicalrelid")} AS name, p.colocationid AS colocation_id
        FROM pg_catalog.pg_dist_partition p JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid
        WHERE {ModuleSchema.IsNotOf("p.logicalrelid")}
            AND (p.partmethod = 'h' OR (p.partmethod = 'n' AND p.repmodel = 's' AND p.colocationid <> 0))
          AND {MissingIdentity.Of("c")}
        ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Tables];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Tables), CheckStatus.Warning, "a replica identity for each", "every table has one",
        without => $"without one: {Verdict.List(without.Select(t => t.Name))}",
        without => Verdict.Lines(without, t => $"ALTER TABLE {t.Name} REPLICA IDENTITY FULL; -- or, better, "
            + "ADD PRIMARY KEY (<distribution column>, …)"));

    public sealed record Table(string Name, int ColocationId);
}
