namespace Woodgrove.Citus.Shards;

/// <summary>What a rebalance is to do.</summary>
/// <param name="Strategy">A name of pg_dist_rebalance_strategy, or null for the cluster's default.</param>
/// <param name="DrainOnly">Moves shards off nodes that should have none, and no others.</param>
/// <param name="TransferMode">Citus's own word: auto, force_logical or block_writes.</param>
public sealed record RebalanceOrder(string? Strategy, bool DrainOnly, string TransferMode)
{
    /// <summary>Copies reference tables to nodes that lack them several at a time (Citus 13.2).</summary>
    public bool ParallelReferenceTables { get; init; }

    /// <summary>Moves the shards of one colocation group several at a time (Citus 13.2).</summary>
    public bool ParallelColocatedShards { get; init; }

    /// <summary>The arguments of citus_rebalance_start that only some versions know.</summary>
    internal string Further => (ParallelReferenceTables ? ", parallel_transfer_reference_tables := true" : "")
        + (ParallelColocatedShards ? ", parallel_transfer_colocated_shards := true" : "");
}
