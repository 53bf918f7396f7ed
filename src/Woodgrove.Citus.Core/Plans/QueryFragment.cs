using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Plans;

/// <summary>What one node runs for a query.</summary>
/// <param name="ShardId">The first shard of a distributed table in it, else of a reference table; null where it reads no shard.</param>
/// <param name="Table">That shard's table.</param>
/// <param name="Sql">The SQL that the node is sent, with shards in place of tables.</param>
/// <param name="Plan">The node's own plan.</param>
/// <param name="Shards">All shards that it names.</param>
/// <param name="ReceivedBytes">What came back, as Citus rounds it; only with -Analyze.</param>
public sealed record QueryFragment(
    long? ShardId, string? Table, string NodeName, int NodePort, string Sql, PlanNode? Plan,
    Listing<FragmentShard> Shards, TimeSpan? ExecutionTime, long? ReceivedBytes)
{
    /// <summary>The memory and pages that planning took on the node; null where the server did not say.</summary>
    public PlanPlanning? Planning { get; init; }
}
