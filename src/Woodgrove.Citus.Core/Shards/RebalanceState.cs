namespace Woodgrove.Citus.Shards;

/// <summary>How far a rebalance is. The first two, and the two that end in -ing, are of one that is not over.</summary>
public enum RebalanceState
{
    Scheduled,
    Running,
    Cancelling,
    Failing,
    Finished,
    Cancelled,
    Failed,
}
