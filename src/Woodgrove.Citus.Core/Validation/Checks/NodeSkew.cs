using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class NodeSkew() : CitusCheck(CheckCategory.Shards,
    "The nodes hold about the same, and a rebalance has no moves to make.",
    "The fullest node sets the pace of queries over all shards, and runs out of disk first.")
{
    /// <summary>What the strategy by_disk_size adds to every group of shards: smaller differences are none to it.</summary>
    private const long SizeThatMatters = 100L << 20;

    private static readonly Question<Move> Moves = new(Ask.Cluster, $"""
        SELECT {SearchPath.Show("p.tables[1]")} AS "table", p.shards[1] AS shard_id, pg_catalog.array_to_string(p.shards, ' ') AS shards,
            p.source AS "from", p.target AS "to"
        FROM ({ShardRebalancer.ShardGroups("")}) p ORDER BY p.ordinal
        """);

    private static readonly Question<Holder> Holders = new(Ask.Cluster, """
        SELECT nodename || ':' || nodeport AS node FROM pg_catalog.pg_dist_node WHERE noderole = 'primary' AND isactive AND shouldhaveshards
        """);

    public override Threshold Threshold => new(1.5, "times that the fullest node may hold of the average one, "
        + "where 100 MiB or more are between them");

    public override IReadOnlyList<Question> Questions => [Moves, Holders, ShardsOnNode.Question];

    public override Verdict Decide(Facts facts)
    {
        Dictionary<string, long> held = facts.Of(ShardsOnNode.Question).Where(s => s.Method == "h").GroupBy(s => s.Node)
            .ToDictionary(g => g.Key, g => g.Sum(s => s.SizeBytes));
        (string Node, long Bytes)[] nodes = [.. facts.Of(Holders).Select(h => (h.Node, held.GetValueOrDefault(h.Node)))
            .OrderByDescending(n => n.Item2)];
        // The plan's own sizes are those of the metadata, which are 0.
        ILookup<long, long> sizes = facts.Of(ShardsOnNode.Question).ToLookup(s => s.ShardId, s => s.SizeBytes);
        Move[] moves = [.. facts.Of(Moves)
            .Select(m => m with { SizeBytes = m.Shards.Split(' ')
                .Sum(s => sizes[long.Parse(s, System.Globalization.CultureInfo.InvariantCulture)].FirstOrDefault()) })];
        Spread spread = Spread.Of([.. nodes.Select(n => n.Bytes)]);
        double factor = spread.Total > 0 ? spread.MaxToMean : 1;
        string expected = $"no moves, fullest node at most {facts.Limit:0.##} times the average",
            actual = $"fullest node {factor:0.##} times the average of {nodes.Length}";
        if (moves.Length > 0)
        {
            return new Verdict(CheckStatus.Warning, expected,
                $"{actual}; a rebalance has {moves.Length} move(s) to make, {moves.Sum(m => m.SizeBytes)} bytes", [.. moves],
                "Start-ShardRebalance # -WhatIf shows the moves");
        }
        if (factor <= facts.Limit || spread.Largest - spread.Mean < SizeThatMatters)
            return Verdict.Passed(expected, actual + "; no moves to make");
        return new Verdict(CheckStatus.Warning, expected, $"{actual}: {nodes[0].Node}, and no move would help",
            [.. nodes.Select(n => new Weight(n.Node, n.Bytes))],
            "Test-CitusCluster -Check TableSkew # a shard may be too large to move away; Split-Shard or Split-Tenant makes it smaller");
    }

    /// <summary>A move of a shard, and of those colocated with it.</summary>
    public sealed record Move(string Table, long ShardId, string Shards, string From, string To)
    {
        public long SizeBytes { get; init; }
    }

    public sealed record Holder(string Node);

    public sealed record Weight(string Node, long SizeBytes);
}
