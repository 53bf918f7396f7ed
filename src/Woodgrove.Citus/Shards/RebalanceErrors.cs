using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Shards;

/// <summary>Errors of waiting for a rebalance.</summary>
internal static class RebalanceErrors
{
    public static CitusException NotOver(ShardRebalance rebalance, int? seconds) =>
        new("CitusRebalanceTimeout", CitusErrorKind.OperationTimeout,
            $"Job {rebalance.JobId} was not over after {seconds} s: {DoneOf(rebalance)}.",
            "It continues. Get-ShardRebalance follows it; Stop-ShardRebalance stops it, and shards that were moved stay moved.")
                { Target = rebalance.JobId };

    public static CitusException Failed(ShardRebalance rebalance) =>
        new("CitusRebalanceFailed", CitusErrorKind.InvalidOperation,
            ($"Job {rebalance.JobId} {(rebalance.State == RebalanceState.Failed ? "failed" : "was cancelled")}: {DoneOf(rebalance)}. "
                + rebalance.Message).TrimEnd(),
            "What was moved stays moved. Get-ShardRebalance has the message of each move; start again when its cause is gone.")
                { Target = rebalance.JobId };

    private static string DoneOf(ShardRebalance rebalance) => $"{rebalance.Done} of {rebalance.Total} move(s) done";
}
